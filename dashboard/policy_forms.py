"""The editor's forms: one rule, the default, the policy's own settings. Form → document → form loses nothing.

Reading never refuses: what is wrong is said at the input it is wrong in, first by reading numbers, then by the engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

from django.http import QueryDict

from dashboard.catalogue_options import CatalogueOptions
from dashboard.condition_forms import (
    ConditionForm,
    condition_document,
    condition_from_document,
    edit_condition,
    place_problems,
    read_condition,
)
from dashboard.constraint_forms import ConstraintForm, constraint_form
from dashboard.extra_forms import ExtraForm, policy_extras
from dashboard.form_inputs import Input
from dashboard.nested_fields import Fields, read_fields
from dashboard.use_forms import UseForm, edit_use, read_use, use_from_document
from routerapp.engine.problems import Problem

TREE_VERBS = ("condition", "group", "remove", "wrap")


@dataclass(slots=True)
class RuleForm:
    """place: where a new rule goes, counted from 0; None is the end. problems: those that belong to no input here."""

    name: Input
    is_enabled: bool
    when: ConditionForm
    use: UseForm
    place: int | None = None
    problems: list[str] = field(default_factory=list)
    own_tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.when.offer(self.own_tasks)

    def document(self, rule_id: str = "") -> dict[str, Any]:
        """The rule in the order people read it; a new one gets its id from the draft."""
        found: dict[str, Any] = {"id": rule_id}
        if self.name.is_given:
            found["name"] = self.name.document()
        if not self.is_enabled:
            found["enabled"] = False
        when = condition_document(self.when)
        if when is not None:
            found["when"] = when
        return {**found, "use": self.use.document()}

    @property
    def has_problems(self) -> bool:
        inputs = [self.name, *self.use.parts()]
        return bool(self.problems or any(one.problems for one in inputs) or any(n.problems for n in self.when.walk()))

    def edit(self, verb: str, path: str) -> None:
        """One press of a button inside the form."""
        if verb in TREE_VERBS:
            self.when = edit_condition(self.when, verb, path)
            self.when.offer(self.own_tasks)
        else:
            edit_use(self.use, verb, path)

    def put(self, problems: Iterable[Problem], prefix: str) -> None:
        """The engine's problems under prefix (rules[3]) to the inputs they are about; the rest above the form."""
        rest = []
        for problem in problems:
            path = problem.path.removeprefix(f"{prefix}.")
            if path.startswith("when") and place_problems(self.when, {path: problem.message}):
                continue
            if path.startswith("use") and place_in_use(self.use, path, problem.message):
                continue
            if path == "name":
                self.name.problems.append(problem.message)
            else:
                rest.append(f"{path}: {problem.message}" if path else problem.message)
        self.problems += rest


def read_rule(data: QueryDict, options: CatalogueOptions) -> RuleForm:
    fields = read_fields(data)
    form = RuleForm(
        _name_input(fields.raw("name")),
        fields.one("enabled", "") == "on",
        read_condition(fields.at("when")),
        read_use(fields.at("use"), "use", options),
        own_tasks=options.own_tasks,
    )
    place = fields.one("place")
    form.place = int(place) if place.isascii() and place.isdigit() and len(place) < 5 else None
    return form


def rule_from_document(rule: Mapping[str, Any], options: CatalogueOptions) -> RuleForm:
    return RuleForm(
        _name_input(str(rule.get("name") or "")),
        rule.get("enabled", True) is not False,
        condition_from_document(rule.get("when")),
        use_from_document(rule.get("use"), "use", options),
        own_tasks=options.own_tasks,
    )


def new_rule(options: CatalogueOptions) -> RuleForm:
    """Where a new rule starts: one condition on the task, the cheapest of everything."""
    rule = {
        "when": {"all": [{"field": "task", "op": "in", "value": []}]},
        "use": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
    }
    return rule_from_document(rule, options)


def _name_input(value: str) -> Input:
    return Input("name", "Name", "text", value, placeholder="Code to the strong")


@dataclass(slots=True)
class DefaultForm:
    """What happens to prompts no rule matches."""

    use: UseForm
    problems: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        return self.use.document()

    @property
    def has_problems(self) -> bool:
        return bool(self.problems or any(one.problems for one in self.use.parts()))

    def edit(self, verb: str, path: str) -> None:
        edit_use(self.use, verb, path)

    def put(self, problems: Iterable[Problem], prefix: str = "default") -> None:
        for problem in problems:
            path = f"use{problem.path.removeprefix(prefix)}" if problem.path.startswith(prefix) else problem.path
            if not (path.startswith("use") and place_in_use(self.use, path, problem.message)):
                self.problems.append(f"{problem.path}: {problem.message}")


def read_default(data: QueryDict, options: CatalogueOptions) -> DefaultForm:
    return DefaultForm(read_use(read_fields(data).at("use"), "use", options))


@dataclass(slots=True)
class SettingsForm:
    """Time zone, constraints and extras of the whole policy, and the draft's own name."""

    name: Input
    timezone: Input
    constraints: ConstraintForm
    extras: ExtraForm
    problems: list[str] = field(default_factory=list)

    def inputs(self) -> list[Input]:
        return [self.name, self.timezone, *self.constraints.inputs(), *self.extras.inputs()]

    @property
    def timezones(self) -> list[str]:
        return sorted(available_timezones())

    @property
    def has_problems(self) -> bool:
        return bool(self.problems or any(one.problems for one in self.inputs()))

    def put(self, problems: Iterable[Problem]) -> None:
        inputs = {one.path: one for one in self.inputs()}
        for problem in problems:
            known = _nearest(problem.path, inputs)
            if known:
                inputs[known].problems.append(problem.message)
            else:
                self.problems.append(f"{problem.path}: {problem.message}")


def settings_form(name: str, document: Mapping[str, Any], options: CatalogueOptions) -> SettingsForm:
    form = SettingsForm(
        Input("name", "Name of this draft", "text", name),
        Input("timezone", "Time zone", "text", str(document.get("timezone") or "UTC"), help="For hour and weekday."),
        constraint_form("constraints", options),
        policy_extras(),
    )
    form.constraints.fill(document.get("constraints"))
    form.extras.fill(document)
    return form


def read_settings(data: QueryDict, options: CatalogueOptions) -> SettingsForm:
    fields: Fields = read_fields(data)
    form = settings_form(fields.one("name"), {"timezone": fields.one("timezone")}, options)
    form.constraints.read(fields.at("constraints"))
    form.extras.read(fields)
    return form


def place_in_use(use: UseForm, path: str, message: str) -> bool:
    parts = {part.path: part for part in use.parts()}
    known = _nearest(re.sub(r"\[([^\[\]]*)\]", r".\1", path), parts)
    if known and message not in parts[known].problems:
        parts[known].problems.append(message)
    return bool(known)


def _nearest(path: str, known: Mapping[str, Any]) -> str:
    """The longest start of a dotted path that is known; empty when none is."""
    while path and path not in known:
        path = path.rpartition(".")[0]
    return path
