"""A strategy and its parameters as a form, drawn from the engine's vocabulary: a new strategy there has a form here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.catalogue_options import CatalogueOptions
from dashboard.check_lines import CheckLines
from dashboard.form_inputs import Input, RangeRows, ReferenceList, WeightRows
from dashboard.learned_inputs import WishForm, flag_input, reference_input, solved_input, wish_form
from dashboard.nested_fields import Fields
from dashboard.route_rows import RouteRows
from routerapp.engine.task_words import TASKS
from routerapp.engine.vocabulary import STRATEGIES, STRATEGY_BY_KIND, Parameter

SCALE_WORDS = {"cost_usd": "Cost, USD", "ttft_ms": "First token, ms"}
MAX_ROWS = 60
LABELS = {
    "cost_quality": "Cost or quality, 0 to 1",
    "max_loss": "Quality it may cost",
    "min_familiarity": "Least familiarity",
    "default": "Default model",
    "strong": "Strong model",
    "weak": "Weak model",
}


@dataclass(slots=True)
class TargetRows:
    """task → references. A row whose task is blank is dropped."""

    path: str
    label: str
    tasks: tuple[tuple[str, str], ...]
    rows: list[tuple[str, ReferenceList]] = field(default_factory=list)
    help: str = ""
    problems: list[str] = field(default_factory=list)

    def read(self, fields: Fields) -> None:
        for number, row in enumerate(fields.rows()[:MAX_ROWS]):
            references = self._list(number)
            references.read(row.at("refs"))
            self._append(row.one("task"), references)

    def fill(self, value: Any) -> None:
        for number, (task, given) in enumerate((value if isinstance(value, Mapping) else {}).items()):
            references = self._list(number)
            references.fill(given)
            self._append(str(task), references)

    def add(self) -> None:
        used = {task for task, _ in self.rows}
        fresh = next((task for task, _ in self.tasks if task not in used), "")
        self.rows.append((fresh, self._list(len(self.rows))))

    def remove(self, number: int) -> None:
        self.rows = [row for place, row in enumerate(self.rows) if place != number]
        for place, (_, references) in enumerate(self.rows):
            references.path = f"{self.path}.{place}.refs"

    def document(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for task, references in self.rows:
            if task in found:
                self.problems.append(f"{task} is listed twice.")
            if task:
                found[task] = references.document()
        return found

    def _append(self, task: str, references: ReferenceList) -> None:
        """A task that is not offered is offered from now on, so that saving the form does not make another of it."""
        if task and task not in dict(self.tasks):
            self.tasks += ((task, f"{task} (unknown)"),)
        self.rows.append((task, references))

    def _list(self, number: int) -> ReferenceList:
        return ReferenceList(f"{self.path}.{number}.refs", "Targets, best first")


@dataclass(slots=True)
class StrategyForm:
    """kind and the inputs of that kind's parameters, by parameter name. arms are left to use_forms: they hold whole uses."""

    path: str
    kind: str = "cheapest"
    values: dict[str, Input] = field(default_factory=dict)
    weights: dict[str, WeightRows] = field(default_factory=dict)
    ranges: dict[str, RangeRows] = field(default_factory=dict)
    references: dict[str, ReferenceList] = field(default_factory=dict)
    targets: dict[str, TargetRows] = field(default_factory=dict)
    routes: dict[str, RouteRows] = field(default_factory=dict)
    wishes: dict[str, WishForm] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        known = [(one.kind, f"{one.kind.replace('_', ' ')}: {_lower(one.help)}") for one in STRATEGIES]
        return known if self.kind in STRATEGY_BY_KIND else [*known, (self.kind, f"{self.kind} (unknown)")]

    @property
    def help(self) -> str:
        return STRATEGY_BY_KIND[self.kind].help if self.kind in STRATEGY_BY_KIND else ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return STRATEGY_BY_KIND[self.kind].parameters if self.kind in STRATEGY_BY_KIND else ()

    @property
    def has_arms(self) -> bool:
        return any(parameter.kind == "arms" for parameter in self.parameters)

    def parts(self) -> Iterator[tuple[str, Any]]:
        """(parameter name, its input) in the vocabulary's order."""
        groups: tuple[Mapping[str, Any], ...] = (
            self.values,
            self.weights,
            self.ranges,
            self.references,
            self.targets,
            self.routes,
            self.wishes,
        )
        for parameter in self.parameters:
            for group in groups:
                if parameter.name in group:
                    yield parameter.name, group[parameter.name]

    def read(self, fields: Fields) -> None:
        for name, part in self.parts():
            if isinstance(part, Input):
                part.read(fields, name)
            else:
                part.read(fields.at(name))

    def fill(self, document: Mapping[str, Any]) -> None:
        for name, part in self.parts():
            part.fill(document.get(name))

    def fill_defaults(self) -> None:
        """What the engine would use, written out, when a kind is chosen anew."""
        self.fill({one.name: one.default for one in self.parameters if one.kind == "weights"})

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": self.kind}
        for name, part in self.parts():
            if isinstance(part, Input) and not part.is_given:
                continue
            value = part.document()
            if value or isinstance(part, Input):
                found[name] = value
        return found


def strategy_form(path: str, kind: str, options: CatalogueOptions) -> StrategyForm:
    """An empty form for this kind."""
    form = StrategyForm(path, kind)
    for parameter in form.parameters:
        place = f"{path}.{parameter.name}"
        label = LABELS.get(parameter.name, parameter.name.replace("_", " ").capitalize())
        if parameter.kind == "weights":
            form.weights[parameter.name] = WeightRows(
                place,
                label,
                fixed=_fixed_names(kind, parameter, options),
                suggestions=tuple(
                    [f"deployment:{slug}" for slug, _ in options.deployments]
                    + [f"model:{slug}" for slug, _ in options.models]
                ),
                help=parameter.help,
            )
        elif parameter.kind == "ranges":
            names = tuple((name, SCALE_WORDS.get(name, name)) for name in parameter.choices)
            form.ranges[parameter.name] = RangeRows(
                place, label, names, defaults=parameter.default or {}, help=parameter.help
            )
        elif parameter.kind == "references":
            form.references[parameter.name] = ReferenceList(place, label, help=parameter.help)
        elif parameter.kind == "targets":
            tasks = tuple((task, task) for task in (*TASKS, *options.own_tasks))
            form.targets[parameter.name] = TargetRows(place, label, tasks, help=parameter.help)
        elif parameter.kind == "routes":
            form.routes[parameter.name] = RouteRows(place, label, help=parameter.help)
        elif parameter.kind == "target":
            form.wishes[parameter.name] = wish_form(place, parameter)
        elif parameter.kind == "reference":
            form.values[parameter.name] = reference_input(place, label, parameter, options)
        elif parameter.kind != "arms":
            form.values[parameter.name] = _input(place, label, parameter)
    return form


def _fixed_names(kind: str, parameter: Parameter, options: CatalogueOptions) -> tuple[tuple[str, str], ...]:
    """Weights over a known set are inputs of their own: terms of a sum, dimensions of the catalogue."""
    if kind == "capability":
        return options.dimensions
    return tuple((name, name.capitalize()) for name in parameter.choices)


def _input(place: str, label: str, parameter: Parameter) -> Input:
    if parameter.kind == "checks":
        return CheckLines(place, label, "area", help=parameter.help, placeholder="complete\nnot_refused")
    if parameter.kind == "flag":
        return flag_input(place, label, parameter)
    if parameter.kind == "solved":
        return solved_input(place, parameter)
    default = "" if parameter.default in (None, ()) else str(parameter.default)
    if parameter.kind == "choice":
        choices = (("", f"{default} (default)"), *((choice, choice) for choice in parameter.choices))
        return Input(place, label, "choice", choices=choices, help=parameter.help)
    kind = "number" if parameter.kind == "number" else "text"
    return Input(place, label, kind, help=parameter.help, placeholder=default)


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
