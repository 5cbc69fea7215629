"""Inputs of the strategies that go by predictions: a switch, one target, a wish in plain units and the number solved for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from dashboard.catalogue_options import CatalogueOptions
from dashboard.form_inputs import Choice, Input
from dashboard.nested_fields import Fields
from dashboard.templatetags.numbers import plural
from routerapp.engine.vocabulary import Parameter
from routerapp.serving.solve_target import CannotSolve, SolvedTarget, solve_target

WISHES = {
    "equal": "as good as the best single model, cheapest",
    "share_of_best": "a share of the best single model's quality",
    "max_share_dear": "at most a share of requests to the dearest model",
    "max_usd_per_1000": "at most so many dollars per 1,000 requests",
}


@dataclass(slots=True)
class FlagInput(Input):
    """true or false; what neither word says is left to the engine's message."""

    def document(self) -> Any:
        return {"true": True, "false": False}.get(self.value.strip(), self.value)


@dataclass(slots=True)
class SolvedInput(Input):
    """One number under a name of its own: {lambda: 4.2}."""

    name: str = ""

    def fill(self, value: Any) -> None:
        if isinstance(value, Mapping) and value.get(self.name) is not None:
            self.value = json.dumps(value[self.name])

    def document(self) -> dict[str, Any]:
        return {self.name: Input.document(self)}


@dataclass(slots=True)
class WishForm:
    """kind and value of a wish; without a kind there is none."""

    path: str
    label: str
    kind: Input
    value: Input
    help: str = ""
    note: str = ""
    problems: list[str] = field(default_factory=list)

    def solve(self, use: Mapping[str, Any], solved: Input) -> None:
        """Writes the number that meets it into the input of what is solved, with what it would have given beside it."""
        if not self.kind.is_given:
            self.problems.append("Choose a wish first.")
            return
        try:
            found = solve_target(use, settings.DATA_DIR)
        except CannotSolve as error:
            self.problems.append(str(error))
            return
        solved.fill(found.solved)
        self.note = " ".join(_solution(found))

    def read(self, fields: Fields) -> None:
        self.kind.read(fields, "kind")
        self.value.read(fields, "value")

    def fill(self, value: Any) -> None:
        given: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        self.kind.fill(given.get("kind"))
        self.value.fill(given.get("value"))
        if self.kind.value not in dict(self.kind.choices):
            self.kind.choices += ((self.kind.value, f"{self.kind.value} (unknown)"),)

    def document(self) -> dict[str, Any]:
        if not self.kind.is_given:
            if self.value.is_given:
                self.kind.problems.append(f"Choose a wish here, or empty “{self.value.label}”.")
            return {}
        found: dict[str, Any] = {"kind": self.kind.document()}
        if self.value.is_given:
            found["value"] = self.value.document()
        return found


def _solution(found: SolvedTarget) -> Iterator[str]:
    if found.problem:
        yield found.problem
    cost = "" if found.usd_per_1000 is None else f" at ${found.usd_per_1000:.4g} per 1,000 requests"
    yield f"Predicted on {plural(found.requests, 'recent request,recent requests')}: mean quality {found.quality:.3f}{cost}, {found.share_dear:.0%} to the dearest model."
    if found.recorded < found.requests:
        yield f"{found.requests - found.recorded:,} of them were predicted just now, from kept content."


def flag_input(place: str, label: str, parameter: Parameter) -> FlagInput:
    default = "yes" if parameter.default else "no"
    choices = (("", f"{default} (default)"), ("true", "yes"), ("false", "no"))
    return FlagInput(place, label, "choice", choices=choices, help=parameter.help)


def solved_input(place: str, parameter: Parameter) -> SolvedInput:
    name = parameter.choices[0]
    words = "Solved: λ, quality per USD" if name == "lambda" else "Solved: threshold"
    return SolvedInput(place, words, "number", help=parameter.help, placeholder="not solved", name=name)


def reference_input(place: str, label: str, parameter: Parameter, options: CatalogueOptions) -> Input:
    """One target; a policy or everything is none."""
    choices: list[Choice] = [("", "Choose…")]
    for title, group in options.references:
        choices += [(value, f"{words} ({value})") for value, words in group if title != "Policies" and value != "all"]
    return KeptChoice(place, label, "choice", choices=tuple(choices), help=parameter.help)


@dataclass(slots=True)
class KeptChoice(Input):
    """What the catalogue has lost stays choosable, so that nothing is dropped in silence."""

    def fill(self, value: Any) -> None:
        Input.fill(self, value)
        self._keep()

    def read(self, fields: Fields, name: str) -> None:
        Input.read(self, fields, name)
        self._keep()

    def _keep(self) -> None:
        if self.value not in dict(self.choices):
            self.choices += ((self.value, f"{self.value} (unknown)"),)


def wish_form(place: str, parameter: Parameter) -> WishForm:
    kinds = (("", "none: the number above decides"), *((kind, WISHES[kind]) for kind in parameter.choices))
    return WishForm(
        place,
        "Wish",
        Input(f"{place}.kind", "Wish, solved on recent traffic", "choice", choices=kinds),
        Input(f"{place}.value", "Share or dollars", "number", placeholder="0.99"),
        help=parameter.help,
    )
