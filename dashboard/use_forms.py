"""What a rule does, as a form: reject, or a pool with a strategy, fallbacks, extras, constraints, retries, timeouts and parameters.

A split's arms hold uses of their own, so the form nests. Pressed buttons edit the form; nothing is saved here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.catalogue_options import CatalogueOptions
from dashboard.constraint_forms import ConstraintForm, constraint_form
from dashboard.extra_forms import ExtraForm, use_extras
from dashboard.form_inputs import Input, ReferenceList
from dashboard.learned_inputs import WishForm
from dashboard.nested_fields import Fields, section
from dashboard.route_rows import RouteRows
from dashboard.strategy_forms import MAX_ROWS, StrategyForm, TargetRows, strategy_form

TIMEOUTS = (
    ("connect_ms", "Connect", "5000"),
    ("first_token_ms", "First token", "30000"),
    ("idle_ms", "Silence in a stream", "30000"),
    ("total_ms", "Everything together", "300000"),
)


@dataclass(slots=True)
class ArmForm:
    path: str
    name: Input
    weight: Input
    use: UseForm


@dataclass(slots=True)
class UseForm:
    """path: form field prefix. does: route or reject."""

    path: str
    options: CatalogueOptions
    does: str
    reject: Input
    pool: ReferenceList
    strategy: StrategyForm
    fallbacks: ReferenceList
    extras: ExtraForm
    constraints: ConstraintForm
    retries: Input
    timeouts: list[Input]
    parameters: Input
    arms: list[ArmForm] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_rejecting(self) -> bool:
        return self.does == "reject"

    @property
    def has_limits(self) -> bool:
        """Whether the folded part of the form holds anything."""
        rest = [self.retries, self.parameters, *self.timeouts]
        return self.constraints.is_given or any(one.is_given or one.problems for one in rest)

    def parts(self) -> Iterator[Any]:
        """Everything that has a path and can carry a problem, arms included."""
        yield self
        yield from (self.reject, self.pool, self.fallbacks, self.retries, self.parameters, *self.timeouts)
        yield self.strategy
        for _, part in self.strategy.parts():
            yield part
            if isinstance(part, TargetRows):
                yield from (references for _, references in part.rows)
            elif isinstance(part, RouteRows):
                yield from (inner for row in part.rows for inner in row.parts())
            elif isinstance(part, WishForm):
                yield from (part.kind, part.value)
        yield from self.extras.inputs()
        yield from self.constraints.inputs()
        for arm in self.arms:
            yield from (arm.name, arm.weight)
            yield from arm.use.parts()

    @property
    def enters_policy(self) -> bool:
        """Another policy decides from here; it brings its own strategy."""
        return len(self.pool.items) == 1 and self.pool.items[0].startswith("policy:")

    def document(self) -> dict[str, Any]:
        """The use as a document; problems of reading stand at their inputs."""
        if self.is_rejecting:
            return {"reject": self.reject.document()}
        found: dict[str, Any] = {}
        if pool := self.pool.document():
            found["pool"] = pool
        if not self.enters_policy:
            found["strategy"] = self._strategy_document()
        if references := self.fallbacks.document():
            found["fallbacks"] = references
        if constraints := self.constraints.document():
            found["constraints"] = constraints
        if self.retries.is_given:
            found["retries"] = self.retries.document()
        timeouts = {one.path.rpartition(".")[2]: one.document() for one in self.timeouts if one.is_given}
        if timeouts:
            found["timeouts"] = timeouts
        if self.parameters.is_given:
            found["parameters"] = _json_object(self.parameters)
        return {**found, **self.extras.document()}

    def _strategy_document(self) -> dict[str, Any]:
        found = self.strategy.document()
        if self.strategy.has_arms:
            found["arms"] = [
                {"name": arm.name.document(), "weight": arm.weight.document(), "use": arm.use.document()}
                for arm in self.arms
            ]
        return found


def use_form(path: str, options: CatalogueOptions, kind: str = "cheapest") -> UseForm:
    """An empty form under path with this strategy."""
    return UseForm(
        path=path,
        options=options,
        does="route",
        reject=Input(f"{path}.reject", "Message to the caller", "text", placeholder="Not served by this router."),
        pool=ReferenceList(f"{path}.pool", "Choose from", is_pool=True),
        strategy=strategy_form(f"{path}.strategy", kind, options),
        fallbacks=ReferenceList(f"{path}.fallbacks", "If that fails, try"),
        extras=use_extras(path),
        constraints=constraint_form(f"{path}.constraints", options),
        retries=Input(f"{path}.retries", "Retries on the same deployment", "whole", placeholder="1"),
        timeouts=[
            Input(f"{path}.timeouts.{name}", label, "whole", unit="ms", placeholder=default)
            for name, label, default in TIMEOUTS
        ],
        parameters=Input(
            f"{path}.parameters",
            "Parameters sent upstream instead of the caller's",
            "area",
            placeholder='{"temperature": 0}',
            help="A JSON object.",
        ),
    )


def read_use(fields: Fields, path: str, options: CatalogueOptions, depth: int = 0) -> UseForm:
    """What was posted under path. A strategy chosen anew starts with its defaults."""
    chosen = fields.at("strategy")
    form = use_form(path, options, chosen.one("kind", "cheapest"))
    form.does = "reject" if fields.one("does") == "reject" else "route"
    for one in (form.reject, form.retries, form.parameters):
        one.read(fields, one.path.rpartition(".")[2])
    for one in form.timeouts:
        one.read(fields.at("timeouts"), one.path.rpartition(".")[2])
    form.pool.read(fields.at("pool"))
    form.fallbacks.read(fields.at("fallbacks"))
    form.extras.read(fields)
    form.constraints.read(fields.at("constraints"))
    if chosen.one("shown") == form.strategy.kind:
        form.strategy.read(chosen)
    else:
        form.strategy.fill_defaults()
    if form.strategy.has_arms and depth == 0:
        rows = chosen.at("arms").rows()[:MAX_ROWS]
        form.arms = [_read_arm(row, f"{path}.strategy.arms.{number}", options) for number, row in enumerate(rows)]
        if not rows and chosen.one("shown") != form.strategy.kind:
            form.arms = [_new_arm(path, number, name, options) for number, name in enumerate(("control", "treatment"))]
    return form


def use_from_document(document: Any, path: str, options: CatalogueOptions) -> UseForm:
    given: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
    strategy = section(given, "strategy")
    form = use_form(path, options, str(strategy.get("kind") or "ordered"))
    form.does = "reject" if "reject" in given else "route"
    form.reject.fill(given.get("reject"))
    form.pool.fill(given.get("pool"))
    form.strategy.fill(strategy)
    form.fallbacks.fill(given.get("fallbacks"))
    form.extras.fill(given)
    form.constraints.fill(given.get("constraints"))
    form.retries.fill(given.get("retries"))
    for one in form.timeouts:
        one.fill(section(given, "timeouts").get(one.path.rpartition(".")[2]))
    if given.get("parameters"):
        form.parameters.value = json.dumps(given["parameters"], ensure_ascii=False, indent=2)
    for number, arm in enumerate(strategy.get("arms") or ()):
        place = f"{path}.strategy.arms.{number}"
        use = use_from_document(arm.get("use"), f"{place}.use", options)
        form.arms.append(_arm(place, str(arm.get("name", "")), json.dumps(arm.get("weight", 1)), use))
    return form


def _arm(path: str, name: str, weight: str, use: UseForm) -> ArmForm:
    return ArmForm(
        path, Input(f"{path}.name", "Name", "text", name), Input(f"{path}.weight", "Weight", "number", weight), use
    )


def _read_arm(row: Fields, path: str, options: CatalogueOptions) -> ArmForm:
    return _arm(path, row.one("name"), row.one("weight"), read_use(row.at("use"), f"{path}.use", options, depth=1))


def _new_arm(path: str, number: int, name: str, options: CatalogueOptions) -> ArmForm:
    place = f"{path}.strategy.arms.{number}"
    return _arm(place, name, "50", use_form(f"{place}.use", options))


def edit_use(form: UseForm, verb: str, path: str) -> bool:
    """One press of a button that names a part of this form; False when nothing here has that path."""
    for references in _lists(form):
        if path == references.path and verb == "pick":
            references.take_added()
            return True
        head, _, number = path.rpartition(".")
        if head == references.path and verb in ("drop", "raise", "lower") and number.isdigit():
            references.edit(verb, int(number))
            return True
    if _find_numbers(form, verb, path):
        return True
    row_lists: list[TargetRows | RouteRows] = [*form.strategy.targets.values(), *form.strategy.routes.values()]
    for rows in row_lists:
        if verb == "add-row" and path == rows.path:
            rows.add()
            return True
        if verb == "drop-row" and path.rpartition(".")[0] == rows.path and path.rpartition(".")[2].isdigit():
            rows.remove(int(path.rpartition(".")[2]))
            return True
    return _edit_arms(form, verb, path)


def _find_numbers(form: UseForm, verb: str, path: str) -> bool:
    """Thresholds fitted to examples, a wish solved on recent requests."""
    for routes in form.strategy.routes.values():
        if verb == "fit" and path == routes.path:
            routes.fit()
            return True
    for wish in form.strategy.wishes.values():
        if verb == "solve" and path == wish.path:
            wish.solve(form.document(), form.strategy.values["solved"])
            return True
    return False


def _lists(form: UseForm) -> Iterator[ReferenceList]:
    yield from (part for part in form.parts() if isinstance(part, ReferenceList))


def _edit_arms(form: UseForm, verb: str, path: str) -> bool:
    place = f"{form.strategy.path}.arms"
    if verb == "add-row" and path == place and len(form.arms) < MAX_ROWS:
        form.arms.append(_new_arm(form.path, len(form.arms), f"arm-{len(form.arms) + 1}", form.options))
        return True
    if verb == "drop-row" and path.rpartition(".")[0] == place:
        form.arms = [arm for arm in form.arms if arm.path != path]
        return True
    return any(edit_use(arm.use, verb, path) for arm in form.arms)


def _json_object(one: Input) -> Any:
    try:
        value = json.loads(one.value)
    except (ValueError, RecursionError):
        one.problems.append("This is not JSON.")
        return {}
    if not isinstance(value, dict):
        one.problems.append('Write an object, such as {"temperature": 0}.')
    return value
