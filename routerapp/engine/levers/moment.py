"""What the caller asked for, and what was measured just then. Nobody sets a measurement: such a change explains, it does not advise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from routerapp.engine.levers.constraint import Holder, constraint_levers
from routerapp.engine.levers.lever import (
    AGAINST,
    DOWN,
    IN_FAVOUR,
    MONEY,
    ONE,
    THOUSANDTH,
    UP,
    Grid,
    Handle,
    Lever,
    Number,
    Owner,
    Switch,
)
from routerapp.engine.names import NUMBERED_STRATEGIES, STRATEGY_PREFIX, strategy_policy
from routerapp.engine.section import is_number
from routerapp.engine.situation import Situation

MOST_TOKENS = 10_000_000
MOST_MS = 600_000
MOST_NUSD = 1_000_000_000_000_000
SLOW_MS = 60_000
WARM_SAMPLES = 50
HUNDREDTH = Grid(1, 100)
_ANSWER_LENGTHS = tuple(float(4**power) for power in range(12))
# feature or fact -> what it is when the caller does without it
_WISHES = {"wants_tools": False, "has_images": False}


def key_levers(situation: Situation, target: str) -> Iterator[Lever]:
    """The API key's binding constraints, and the budget that is left."""
    key = situation.inputs.facts.key
    caller = situation.config.callers.get(key or "")
    if caller is not None:
        apply = partial(situation.with_key_constraints, caller.slug)
        yield from constraint_levers(Holder(caller.constraints, apply, Owner.PEOPLE, caller.slug), situation, target)
    left = situation.live.budget_left_nusd
    if left is not None:
        handle = Handle(Owner.PEOPLE, "budget", key or "", "budget_left_nusd", "nusd")
        yield Number(handle, left, partial(_with_budget, situation), MONEY, 0, MOST_NUSD)


def request_levers(situation: Situation, target: str) -> Iterator[Lever]:
    """What the caller could have asked for otherwise."""
    features, facts, inputs = situation.inputs.features, situation.inputs.facts, situation.inputs
    for name, after in _WISHES.items():
        if getattr(features, name) != after:
            apply = partial(_with_feature, situation, name)
            yield Switch(_asked(name), getattr(features, name), after, apply, IN_FAVOUR)
    for name in ("stream", "needs_json_schema"):
        if getattr(facts, name):
            yield Switch(_asked(name), True, False, partial(_with_fact, situation, name), IN_FAVOUR)
    if inputs.only:
        own = f"deployment:{target}"
        yield Switch(_asked("only"), inputs.only, (own, *inputs.only), partial(_with_only, situation), IN_FAVOUR)
    yield _answer_length(situation)
    prompt = partial(_with_feature, situation, "prompt_tokens")
    yield Number(_asked("prompt_tokens", "tokens"), features.prompt_tokens, prompt, ONE, 1, MOST_TOKENS, (DOWN,))
    for name, weight in inputs.objective.items():
        if is_number(weight):
            apply = partial(_with_objective, situation, name)
            # weights that are all zero are none
            low = 0 if sum(inputs.objective.values()) > weight else THOUSANDTH.step
            yield Number(_asked(f"objective.{name}"), weight, apply, THOUSANDTH, low, 1_000)
    yield from _numbered_name(situation)
    holder = Holder(inputs.request_constraints, partial(_with_asked, situation), Owner.CALLER, "")
    yield from constraint_levers(holder, situation, target)


def live_levers(situation: Situation, target: str, first: str | None) -> Iterator[Lever]:
    """Measurements of the target and of the deployment that is first now."""
    yield from _of_target(situation, target)
    if first is not None and first != target:
        yield from _of_first(situation, first)
    for name in ("last_served", "tenant_last_served"):
        last = getattr(situation.live, name)
        if last is not None:
            handle = Handle(Owner.NOBODY, "live", last.deployment, name)
            yield Switch(handle, True, False, partial(_forgotten, situation, name), AGAINST)


def _of_target(situation: Situation, target: str) -> Iterator[Lever]:
    state = situation.state_of(target)
    if state.breaker != "closed":
        values = {"reopens_at_ms": None, "probes_in_flight": 0}
        yield Switch(
            _live(target, "breaker"), state.breaker, "closed", _state(situation, target, "breaker", values), IN_FAVOUR
        )
    yield _latency(situation, target, DOWN)
    yield _measured(situation, target, "in_flight", state.in_flight, DOWN)
    yield _measured(situation, target, "success_ewma", state.success_ewma, UP)
    yield _measured(situation, target, "ttft_samples", state.ttft_samples, UP)
    yield _measured(situation, target, "success_samples", state.success_samples, UP)
    for name in ("requests_left", "tokens_left"):
        if (left := getattr(state, name)) is not None:
            yield _measured(situation, target, name, left, UP)


def _of_first(situation: Situation, first: str) -> Iterator[Lever]:
    state = situation.state_of(first)
    if state.ttft_ewma_ms is not None:
        yield _latency(situation, first, UP)
    yield _measured(situation, first, "in_flight", state.in_flight, UP)
    if state.success_ewma is not None:
        yield _measured(situation, first, "success_ewma", state.success_ewma, DOWN)
    for name in ("requests_left", "tokens_left"):
        if (left := getattr(state, name)) is not None:
            yield _measured(situation, first, name, left, DOWN)
    if state.breaker == "closed":
        values = {"reopens_at_ms": None}
        yield Switch(_live(first, "breaker"), "closed", "open", _state(situation, first, "breaker", values), AGAINST)


def _latency(situation: Situation, slug: str, direction: int) -> Number:
    """Where nothing is measured yet: as if it had been, often enough to count."""
    state = situation.state_of(slug)
    before = state.ttft_ewma_ms
    more = {"ttft_samples": max(state.ttft_samples, WARM_SAMPLES)} if before is None else {}
    apply = _state(situation, slug, "ttft_ewma_ms", more)
    handle = _live(slug, "ttft_ewma_ms", "ms")
    return Number(handle, before, apply, ONE, 1, MOST_MS, (direction,), is_monotone=True, origin=SLOW_MS)


def _measured(situation: Situation, slug: str, name: str, before: Any, direction: int) -> Number:
    is_share = name == "success_ewma"
    more = {"success_samples": WARM_SAMPLES} if before is None else {}
    return Number(
        _live(slug, name, "" if is_share else "count"),
        before,
        _state(situation, slug, name, more),
        THOUSANDTH if is_share else ONE,
        0,
        1 if is_share else MOST_TOKENS,
        (direction,),
        is_monotone=True,
        origin=0,
    )


def _state(situation: Situation, slug: str, name: str, more: Mapping[str, Any]) -> Any:
    return lambda value: situation.with_state(slug, **{**more, name: value})


def _answer_length(situation: Situation) -> Number:
    """The caller's limit on the answer; without one, as large a limit as would do."""
    before = situation.inputs.facts.max_tokens
    return Number(
        _asked("max_tokens", "tokens"),
        before,
        partial(_with_fact, situation, "max_tokens"),
        ONE,
        1,
        MOST_TOKENS,
        (DOWN,) if before is None else (UP, DOWN),
        _ANSWER_LENGTHS,
        is_wide=False,
        origin=MOST_TOKENS,
    )


def _numbered_name(situation: Situation) -> Iterator[Lever]:
    """router-balanced-0.7: the number the caller wrote into the model's name."""
    slug = "" if situation.policy is None else situation.policy.slug
    kind, _, number = slug.removeprefix(STRATEGY_PREFIX).rpartition("-")
    if not slug.startswith(STRATEGY_PREFIX) or kind not in NUMBERED_STRATEGIES:
        return

    def apply(value: float) -> Situation:
        return replace(situation, policy=strategy_policy(f"{STRATEGY_PREFIX}{kind}-{value:.2f}"))

    yield Number(_asked(f"model.{STRATEGY_PREFIX}{kind}"), float(number), apply, HUNDREDTH, 0, 1)


def _asked(field: str, unit: str = "") -> Handle:
    return Handle(Owner.CALLER, "request", "", field, unit)


def _live(slug: str, field: str, unit: str = "") -> Handle:
    return Handle(Owner.NOBODY, "live", slug, field, unit)


def _with_feature(situation: Situation, name: str, value: Any) -> Situation:
    return situation.with_features(**{name: value})


def _with_fact(situation: Situation, name: str, value: Any) -> Situation:
    return situation.with_facts(**{name: value})


def _with_only(situation: Situation, names: tuple[str, ...]) -> Situation:
    return situation.with_inputs(only=names)


def _with_objective(situation: Situation, name: str, value: float) -> Situation:
    return situation.with_inputs(objective={**situation.inputs.objective, name: value})


def _with_asked(situation: Situation, document: Mapping[str, Any]) -> Situation:
    return situation.with_inputs(request_constraints=dict(document))


def _forgotten(situation: Situation, name: str, _: Any) -> Situation:
    return situation.with_live(**{name: None})


def _with_budget(situation: Situation, left: int) -> Situation:
    return situation.with_live(budget_left_nusd=left)
