"""Semantic routes as rows of a form: name, targets, example utterances one a line, threshold. Thresholds can be fitted to the examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.form_inputs import Input, ReferenceList
from dashboard.nested_fields import Fields
from routerapp.serving.fit_routes import CannotFit, fit_routes

MAX_ROUTES = 50


@dataclass(slots=True)
class RouteRow:
    path: str
    name: Input
    targets: ReferenceList
    examples: Input
    threshold: Input
    note: str = ""
    problems: list[str] = field(default_factory=list)

    def parts(self) -> list[Any]:
        return [self, self.name, self.targets, self.examples, self.threshold]

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.name.value.strip(),
            "targets": self.targets.document(),
            "examples": list(self.texts()),
        }
        if self.threshold.is_given:
            found["threshold"] = self.threshold.document()
        return found

    def texts(self) -> tuple[str, ...]:
        return tuple(_text(line) for line in self.examples.value.split("\n") if line.strip())


@dataclass(slots=True)
class RouteRows:
    path: str
    label: str
    rows: list[RouteRow] = field(default_factory=list)
    help: str = ""
    note: str = ""
    problems: list[str] = field(default_factory=list)

    def read(self, fields: Fields) -> None:
        for posted in fields.rows()[:MAX_ROUTES]:
            row = self._row()
            row.name.read(posted, "name")
            row.targets.read(posted.at("targets"))
            row.examples.read(posted, "examples")
            row.threshold.read(posted, "threshold")
            self.rows.append(row)

    def fill(self, value: Any) -> None:
        for given in value if isinstance(value, list | tuple) else ():
            if isinstance(given, Mapping):
                row = self._row()
                row.name.fill(given.get("name"))
                row.targets.fill(given.get("targets"))
                texts = given.get("examples")
                row.examples.value = "\n".join(map(_line, texts if isinstance(texts, list | tuple) else ()))
                row.threshold.fill(given.get("threshold"))
                self.rows.append(row)

    def add(self) -> None:
        if len(self.rows) < MAX_ROUTES:
            self.rows.append(self._row())

    def remove(self, number: int) -> None:
        documents = [row.document() for place, row in enumerate(self.rows) if place != number]
        self.rows = []
        self.fill(documents)

    def fit(self) -> None:
        """Writes the fitted thresholds into their inputs, with what they get right beside them."""
        try:
            found = fit_routes({row.path: row.texts() for row in self.rows if row.texts()})
        except CannotFit as error:
            self.problems.append(str(error))
            return
        for row in self.rows:
            if (fit := found.routes.get(row.path)) is not None:
                row.threshold.value = json.dumps(fit.threshold)
                row.note = (
                    f"{fit.recall:.0%} of its examples, {fit.false_share:.0%} of the others' come here."
                    if fit.is_judged
                    else "Too few examples to judge by."
                )
        self.note = found.words

    def document(self) -> list[dict[str, Any]]:
        return [row.document() for row in self.rows]

    def _row(self) -> RouteRow:
        path = f"{self.path}.{len(self.rows)}"
        return RouteRow(
            path,
            Input(f"{path}.name", "Name", "text", placeholder="billing"),
            ReferenceList(f"{path}.targets", "Targets, best first"),
            Input(f"{path}.examples", "Examples, one a line", "area", placeholder="How do I get my money back?"),
            Input(f"{path}.threshold", "Threshold", "number", unit="similarity, −1 to 1", placeholder="0.6"),
        )


def _line(text: Any) -> str:
    """One line; what a line cannot hold is written as JSON text."""
    if not isinstance(text, str) or "\n" in text or text.startswith('"') or text != text.strip():
        return json.dumps(text, ensure_ascii=False)
    return text


def _text(line: str) -> Any:
    line = line.strip()
    if line.startswith('"'):
        try:
            return json.loads(line)
        except ValueError:
            return line
    return line
