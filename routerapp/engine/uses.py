"""What a rule does once it matches: refuse, enter another policy, or rank a pool, within limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from routerapp.engine.constraints import NO_CONSTRAINTS, Constraints, read_constraints
from routerapp.engine.extras import EXTRA_KEYS, NO_EXTRAS, Extras, overlaid, read_extras
from routerapp.engine.problems import Problem
from routerapp.engine.references import Reference, read_references
from routerapp.engine.section import Section, suggestion
from routerapp.engine.strategies.ranking import StrategyKind
from routerapp.engine.strategies.registry import AVAILABLE_KINDS, RANKING_STRATEGIES, SPLIT
from routerapp.engine.types import PlanLimits

KEYS = ("pool", "reject", "strategy", "fallbacks", "constraints", "retries", "timeouts", "parameters", *EXTRA_KEYS)
ARM_KEYS = ("name", "weight", "use")
OWN_FIELDS = ("model", "messages", "stream", "tools")
MAX_ARMS = 20
SPLIT_BY = ("unit", "tenant", "request")
MAX_RETRIES = 5
MAX_TIMEOUT_MS = 3_600_000
PLAIN_LIMITS = PlanLimits()
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Arm:
    name: str
    weight: float
    use: Use


@dataclass(frozen=True, slots=True)
class Split:
    """by: what draws the arm: unit (conversation, session or user), tenant (the key's team) or request."""

    experiment: str
    arms: tuple[Arm, ...]
    by: str = "unit"


@dataclass(frozen=True, slots=True)
class Use:
    """Exactly one of reject, split, sub_policy or a pool with a strategy. constraints and extras already hold those of what is around it."""

    kind: str = "ordered"
    strategy: StrategyKind = RANKING_STRATEGIES["ordered"]
    strategy_parameters: Any = field(default=None, compare=False)
    pool: tuple[Reference, ...] = ()
    fallbacks: tuple[Reference, ...] = ()
    constraints: Constraints = NO_CONSTRAINTS
    limits: PlanLimits = PLAIN_LIMITS
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reject: str | None = None
    split: Split | None = None
    extras: Extras = NO_EXTRAS

    @property
    def sub_policy(self) -> str | None:
        return self.pool[0].name if len(self.pool) == 1 and self.pool[0].kind == "policy" else None


def read_use(
    document: Any,
    path: str,
    problems: list[Problem],
    around: Constraints,
    pool: tuple[Reference, ...] = (),
    extras: Extras = NO_EXTRAS,
) -> Use:
    """Reads one `use`, adding to problems. around, extras: of what holds it. pool: what an arm ranks that names none."""
    section = Section(document, path, problems, KEYS)
    constraints = around.narrow(
        read_constraints(section.document.get("constraints"), section.at("constraints"), problems)
    )
    if section.has("reject"):
        return _read_reject(section)
    use = Use(
        pool=read_references(section, "pool", may_be_policy=True) or pool,
        fallbacks=read_references(section, "fallbacks"),
        constraints=constraints,
        limits=_read_limits(section),
        parameters=_read_parameters(section),
        extras=overlaid(extras, read_extras(section)),
    )
    if section.has("hedge") and (use.extras.hedge_after_ms or 0) >= use.limits.first_token_ms:
        words = (
            f"By then the first is given up: this must be below timeouts.first_token_ms, {use.limits.first_token_ms}."
        )
        section.refuse("hedge.after_ms", "out_of_range", words)
    return _with_strategy(use, section)


def _read_reject(section: Section) -> Use:
    others = [key for key in section.document if key != "reject" and key in KEYS]
    if others:
        section.refuse(others[0], "unknown_key", "Nothing else may stand beside 'reject'.")
    return Use(kind="reject", reject=section.text("reject", "", limit=500))


def _with_strategy(use: Use, section: Section) -> Use:
    document = section.document.get("strategy")
    if use.sub_policy is not None:
        if document is not None:
            section.refuse("strategy", "unknown_key", "The policy in the pool brings its own strategy.")
        return replace(use, kind="policy")
    kind = document.get("kind") if isinstance(document, Mapping) else None
    if document is None:
        kind, document = "ordered", {"kind": "ordered"}
    if kind == SPLIT:
        return replace(use, kind=SPLIT, split=_read_split(document, section, use))
    if not use.pool:
        section.refuse("pool", "missing", "Name at least one deployment, model, provider or tag, or all.")
    if not isinstance(kind, str) or kind not in RANKING_STRATEGIES:
        section.refuse("strategy.kind", "unknown_strategy", _unknown_kind(kind))
        return use
    strategy = RANKING_STRATEGIES[kind]
    inner = Section(document, section.at("strategy"), section.problems, ("kind", *strategy.keys))
    if kind == "cascade":
        _refuse_extras(section, use.extras)
    return replace(use, kind=kind, strategy=strategy, strategy_parameters=strategy.parse(inner))


def _refuse_extras(section: Section, extras: Extras) -> None:
    """What changes who is first, or asks two at once, would leave a cascade without its order."""
    for key, is_set in (
        ("hedge", extras.hedge_after_ms is not None),
        ("sticky", extras.sticky is not None),
        ("explore", bool(extras.explore_share)),
    ):
        if is_set:
            section.refuse(
                key, "not_together", "A cascade asks one after the other, cheap first: this has no meaning with it."
            )


def _unknown_kind(kind: Any) -> str:
    available = f"Available: {', '.join(AVAILABLE_KINDS)}."
    word = kind if isinstance(kind, str) else ""
    return f"There is no strategy {word[:64]!r}.{suggestion(word, AVAILABLE_KINDS)} {available}"


def _read_split(document: Any, section: Section, use: Use) -> Split:
    inner = Section(document, section.at("strategy"), section.problems, ("kind", "experiment", "by", "arms"))
    inner.require("experiment")
    experiment = inner.text("experiment", "", limit=50) or ""
    by = inner.text("by", "unit") or "unit"
    if by not in SPLIT_BY:
        inner.refuse("by", "unknown_value", f"One of: {', '.join(SPLIT_BY)}.")
    documents = inner.items("arms")
    if not 2 <= len(documents) <= MAX_ARMS:
        inner.refuse("arms", "out_of_range", f"An experiment has 2 to {MAX_ARMS} arms.")
    arms = tuple(
        _read_arm(arm, f"{inner.at('arms')}[{index}]", inner.problems, use)
        for index, arm in enumerate(documents[:MAX_ARMS])
    )
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        inner.refuse("arms", "duplicate_id", "Each arm has a name of its own.")
    if arms and not any(arm.weight for arm in arms):
        inner.refuse("arms", "out_of_range", "At least one arm has a weight above zero.")
    return Split(experiment, arms, by)


def _read_arm(document: Any, path: str, problems: list[Problem], use: Use) -> Arm:
    section = Section(document, path, problems, ARM_KEYS)
    section.require("name")
    name = section.text("name", "", limit=40) or ""
    if name and not _NAME.fullmatch(name):
        section.refuse("name", "bad_name", "A name is 1 to 40 letters, digits, _ or -.")
    weight = section.number("weight", 1.0, 0, 1_000_000)
    section.require("use")
    document = section.document.get("use", {})
    inner = read_use(document, f"{path}.use", problems, use.constraints, use.pool, use.extras)
    if inner.split is not None:
        section.refuse("use.strategy.kind", "unknown_strategy", "An arm cannot hold another split.")
    return Arm(name, 0.0 if weight is None else weight, inner)


def _read_limits(section: Section) -> PlanLimits:
    names = ("connect_ms", "first_token_ms", "idle_ms", "total_ms")
    timeouts = Section(section.mapping("timeouts"), section.at("timeouts"), section.problems, names)
    found = {name: timeouts.integer(name, getattr(PLAIN_LIMITS, name), 1, MAX_TIMEOUT_MS) for name in names}
    return PlanLimits(**found, retries=section.integer("retries", PLAIN_LIMITS.retries, 0, MAX_RETRIES))


def _read_parameters(section: Section) -> Mapping[str, Any]:
    parameters = section.mapping("parameters")
    for name in parameters:
        if name in OWN_FIELDS:
            section.refuse(
                f"parameters.{name}", "unknown_key", f"{name!r} belongs to the request and cannot be overridden."
            )
    return parameters
