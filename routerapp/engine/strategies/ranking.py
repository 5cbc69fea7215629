"""What a strategy is given and what it gives back. A strategy is a pure function: (options, parameters, moment) -> Ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec

from routerapp.engine.references import Reference
from routerapp.engine.section import Section
from routerapp.engine.types import (
    DeploymentFacts,
    Effect,
    Evidence,
    Features,
    LanguageModelFacts,
    LiveDeployment,
    Predictions,
    RequestFacts,
    TraceStep,
)
from routerapp.engine.verdicts import Verdict


class Option(msgspec.Struct, gc=False):
    """One eligible deployment while it is being ranked; position is its place in the pool as written.

    A struct, not a dataclass: fifty of them are made for each decision. The strategy fills in the fields from verdict to probability.
    is_quality_learned: nobody scored the model on what quality is read from; it is what outcomes taught.
    """

    slug: str
    position: int
    deployment: DeploymentFacts
    model: LanguageModelFacts
    live: LiveDeployment
    quality: float | None
    cost_nusd: int | None
    ttft_ms: float | None
    output_tokens: int
    is_fallback: bool = False
    verdict: Verdict = Verdict.ELIGIBLE
    detail: Mapping[str, Any] = {}
    score: float | None = None
    terms: Mapping[str, float] = {}
    probability: float = 0.0
    is_quality_learned: bool = False


NO_EVIDENCE = Evidence()


class Moment(msgspec.Struct, frozen=True, gc=False):
    """The rest of what a strategy may read. state_key names the round-robin weights it owns."""

    seed: int
    rule_id: str
    state_key: str
    features: Features
    facts: RequestFacts
    round_robin: Mapping[str, Mapping[str, int]]
    predictions: Predictions | None = None
    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class Ranking:
    """Options, best first, with their probability of being first filled in. is_reordered: the first is not the strategy's.

    escalations: so many after the first are asked when an answer before them does not pass accept_if (checks as documents).
    """

    options: list[Option]
    probability_kind: str = "deterministic"
    effects: tuple[Effect, ...] = ()
    trace: tuple[TraceStep, ...] = ()
    is_reordered: bool = False
    accept_if: tuple[Mapping[str, Any], ...] = ()
    escalations: int = 0


@runtime_checkable
class NamesTargets(Protocol):
    """Parameters that name members of the pool."""

    def named(self) -> Mapping[str, Reference]:
        """Place within the strategy's document -> reference."""
        ...


Rank = Callable[[list[Option], Any, Moment], Ranking]


@dataclass(frozen=True, slots=True)
class StrategyKind:
    """parse reads the strategy's own keys of its section (kind included) into the parameters that rank receives."""

    keys: tuple[str, ...]
    parse: Callable[[Section], Any]
    rank: Rank


def certain(options: list[Option]) -> list[Option]:
    """The first option was chosen without chance."""
    if options:
        options[0].probability = 1.0
    return options
