"""`consistent_hash`: weighted rendezvous hash of the unit, tenant or prompt; removing one of n moves only its own keys."""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.engine.bucketing import rendezvous, u
from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.strategies.shares import Shares, read_shares, share_of
from routerapp.engine.types import RequestFacts, TraceStep
from routerapp.engine.verdicts import Verdict

KEYS = ("unit", "tenant", "prompt")


@dataclass(frozen=True, slots=True)
class ConsistentHash:
    on: str = "unit"
    shares: Shares | None = None


def rank_consistent_hash(options: list[Option], parameters: ConsistentHash, moment: Moment) -> Ranking:
    """Not salted by rule: a unit keeps its deployment, and its prompt cache, across rules. Without a key each request is its own."""
    key = _key(moment.facts, parameters.on)
    trace: tuple[TraceStep, ...] = ()
    if key is None:
        key = f"{u(moment.seed, 'consistent_hash', moment.rule_id, ''):.17f}"
        trace = (TraceStep("strategy", parameters.on, Verdict.PER_REQUEST_UNIT),)
    weights = {option.slug: share_of(parameters.shares or {}, option.deployment) for option in options}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    place = {slug: index for index, slug in enumerate(rendezvous(key, weights))}
    return Ranking(certain(sorted(options, key=lambda option: place[option.slug])), trace=trace)


def _key(facts: RequestFacts, on: str) -> str | None:
    if on == "tenant":
        return facts.tenant_unit
    return facts.prompt_unit if on == "prompt" else facts.unit


def _parse(section: Section) -> ConsistentHash:
    on = section.text("on", "unit")
    if on not in KEYS:
        section.refuse("on", "unknown_value", f"One of: {', '.join(KEYS)}.")
    return ConsistentHash(on or "unit", read_shares(section))


CONSISTENT_HASH = StrategyKind(("on", "weights"), _parse, rank_consistent_hash)
