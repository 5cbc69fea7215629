"""A new experiment as a form: where it runs, who is drawn, and two to five arms, of which the first does what the rule does today.

Pressed buttons edit the form; nothing is saved here. What is wrong is said at the input it is wrong in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from dashboard.catalogue_options import CatalogueOptions
from dashboard.experiment_places import Place, Places
from dashboard.experiment_words import UNIT_CHOICES
from dashboard.form_inputs import Input, as_number
from dashboard.nested_fields import Fields, read_fields
from dashboard.policy_forms import place_in_use
from dashboard.templatetags.numbers import share
from dashboard.use_forms import UseForm, edit_use, read_use, use_from_document
from dashboard.use_words import describe_use
from routerapp.engine.problems import Problem
from routerapp.serving.experiment_documents import CONTROL

MAX_ARMS = 5
MIN_ARMS = 2
POOL_HELP = (
    "Models, tags or deployments for the strategy below to choose from; or one other policy, which then decides."
)
SAME = "This arm does exactly what the control does. Change what you want to test, or say below that it is meant so."
_ARM_PLACE = re.compile(r"\.strategy\.arms\[(\d+)\](?:\.(.+))?\Z")


@dataclass(slots=True)
class ArmRow:
    """use is None for the control. share: its part of the weights, in words."""

    path: str
    name: Input
    weight: Input
    use: UseForm | None
    share: str = ""

    def parts(self) -> Iterator[Any]:
        yield from (self.name, self.weight)
        if self.use is not None:
            yield from self.use.parts()


@dataclass(slots=True)
class ExperimentForm:
    """is_same_asked: an arm equals the control, so the form asks whether that is meant. problems: those that belong to no input."""

    options: CatalogueOptions
    places: Places
    name: Input
    slug: Input
    hypothesis: Input
    unit: Input
    place: Place | None
    arms: list[ArmRow] = field(default_factory=list)
    is_same_meant: bool = False
    is_same_asked: bool = False
    place_problems: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def units(self) -> tuple[tuple[str, str, str], ...]:
        return UNIT_CHOICES

    @property
    def today(self) -> str:
        """What the chosen rule does now, in words."""
        return describe_use(self.place.use) if self.place else ""

    @property
    def may_add(self) -> bool:
        return len(self.arms) < MAX_ARMS

    @property
    def may_drop(self) -> bool:
        return len(self.arms) > MIN_ARMS

    @property
    def has_problems(self) -> bool:
        inputs = [self.name, self.slug, self.hypothesis, self.unit]
        parts = [part for arm in self.arms for part in arm.parts()]
        return bool(self.problems or self.place_problems or any(one.problems for one in [*inputs, *parts]))

    def arm_documents(self) -> list[dict[str, Any]]:
        """As a use case takes them; what cannot be read stands at its input."""
        found: list[dict[str, Any]] = []
        for arm in self.arms:
            one = {"name": arm.name.value.strip(), "weight": arm.weight.document()}
            found.append(one if arm.use is None else {**one, "use": arm.use.document()})
        return found

    def edit(self, verb: str, path: str) -> None:
        """One press of a button inside the form."""
        if verb == "add-arm":
            if self.may_add:
                self.arms.append(new_arm(len(self.arms), self.place, self.options, self.arms[0].weight.value))
        elif verb == "drop-arm":
            if self.may_drop:
                self.arms = [arm for arm in self.arms if arm.path != path or arm.use is None]
        else:
            any(edit_use(arm.use, verb, path) for arm in self.arms if arm.use is not None)
        self.share_out()

    def share_out(self) -> None:
        """Weights as shares of their sum; blank where one cannot be read."""
        weights = [as_number(arm.weight.value) for arm in self.arms]
        known = [weight for weight in weights if weight is not None and weight >= 0]
        total = sum(known)
        for arm, weight in zip(self.arms, weights, strict=True):
            arm.share = share(weight / total) if weight is not None and total > 0 and len(known) == len(weights) else ""

    def put(self, problems: Iterable[Problem]) -> None:
        """A use case's problems at the inputs they are about; the rest above the form."""
        inputs = {one.path: one for one in (self.name, self.slug, self.hypothesis, self.unit)}
        for problem in problems:
            found = _ARM_PLACE.search(problem.path)
            if problem.path in inputs:
                inputs[problem.path].problems.append(problem.message)
            elif found and self._put_on_arm(int(found[1]), found[2] or "", problem.message):
                continue
            elif problem.path.endswith((".use", "default")) or problem.path in ("policy", "rule"):
                self.place_problems.append(problem.message)
            else:
                self.problems.append(problem.message)

    def _put_on_arm(self, number: int, path: str, message: str) -> bool:
        if number >= len(self.arms):
            return False
        arm = self.arms[number]
        if path in ("name", "weight", ""):
            (arm.weight if path == "weight" else arm.name).problems.append(message)
            return True
        return arm.use is not None and place_in_use(arm.use, f"{arm.path}.{path}", message)


def new_form(options: CatalogueOptions, places: Places, place: Place | None) -> ExperimentForm:
    """Half and half, the second arm a copy of today's use to change one thing in."""
    form = _empty(options, places, place)
    form.arms = [new_arm(number, place, options) for number in range(MIN_ARMS)]
    form.share_out()
    return form


def read_form(data: QueryDict, options: CatalogueOptions, places: Places, place: Place | None) -> ExperimentForm:
    """What was posted. An arm that still is a copy of the rule shown before becomes a copy of the one chosen now."""
    fields = read_fields(data)
    form = _empty(options, places, place)
    for one in (form.name, form.slug, form.hypothesis):
        one.read(fields, one.path)
        if "\0" in one.value:
            one.value = one.value.replace("\0", "")
            one.problems.append("It held a character that cannot be stored.")
    form.unit.value = fields.one("unit", form.unit.value)
    form.is_same_meant = fields.one("same") == "meant"
    shown = places.find(fields.at("shown").one("policy"), fields.at("shown").one("rule"))
    rows = fields.at("arms").rows()[:MAX_ARMS]
    form.arms = [_read_arm(row, number, options, shown, place) for number, row in enumerate(rows)]
    while len(form.arms) < MIN_ARMS:
        form.arms.append(new_arm(len(form.arms), place, options))
    form.share_out()
    return form


def ask_about_same(form: ExperimentForm, arms: Iterable[Mapping[str, Any]]) -> None:
    """An arm that equals the control compares nothing: right for an A/A test, a slip otherwise."""
    today = _copied(form.place, form.options) if form.place else None
    for row, arm in zip(form.arms, arms, strict=True):
        if row.use is not None and today is not None and arm.get("use") == today:
            form.is_same_asked = True
            if not form.is_same_meant:
                row.use.problems.append(SAME)


def new_arm(number: int, place: Place | None, options: CatalogueOptions, weight: str = "50") -> ArmRow:
    path = f"arms.{number}"
    name = CONTROL if number == 0 else "treatment" if number == 1 else f"arm-{number + 1}"
    use = None if number == 0 else use_from_document(place.use if place else None, f"{path}.use", options)
    return _arm(path, name, weight, use)


def _empty(options: CatalogueOptions, places: Places, place: Place | None) -> ExperimentForm:
    return ExperimentForm(
        options=options,
        places=places,
        name=Input("name", "Name", "text", placeholder="Cheaper code answers"),
        slug=Input(
            "slug", "Slug", "text", help="Made from the name when left empty. Stands in every trace; it never changes."
        ),
        hypothesis=Input("hypothesis", "Hypothesis", "area", placeholder="What you expect to happen, and why."),
        unit=Input("unit", "Who is drawn", "choice", "unit"),
        place=place,
    )


def _arm(path: str, name: str, weight: str, use: UseForm | None) -> ArmRow:
    if use is not None:
        use.pool.help = POOL_HELP
    return ArmRow(
        path, Input(f"{path}.name", "Name", "text", name), Input(f"{path}.weight", "Weight", "number", weight), use
    )


def _read_arm(row: Fields, number: int, options: CatalogueOptions, shown: Place | None, place: Place | None) -> ArmRow:
    path = f"arms.{number}"
    if number == 0:
        return _arm(path, CONTROL, row.one("weight"), None)
    use = read_use(row.at("use"), f"{path}.use", options, depth=1)
    has_moved = shown is not None and place is not None and shown != place
    if has_moved and read_use(row.at("use"), f"{path}.use", options, depth=1).document() == _copied(shown, options):
        use = use_from_document(place.use if place else None, f"{path}.use", options)
    return _arm(path, row.one("name"), row.one("weight"), use)


def _copied(place: Place | None, options: CatalogueOptions) -> dict[str, Any]:
    """Today's use as this form would write it when nothing was changed."""
    return use_from_document(place.use if place else None, "copy", options).document()
