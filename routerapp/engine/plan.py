"""From a ranking to what is recorded and done: candidates with terms or reasons, the plan, the effects."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.constraints import Reason
from routerapp.engine.strategies.ranking import Option, Ranking
from routerapp.engine.types import Candidate, Effect, Estimate, InFlight, PlanStep, ProbePermit, TraceStep
from routerapp.engine.verdicts import Verdict

MAX_STEPS = 5
FULL_BELOW = 50
FULL_TERMS = 20
_NO_ESTIMATE = Estimate()


def candidates_of(ranking: Ranking, followers: list[Option], out: Mapping[str, Reason]) -> tuple[Candidate, ...]:
    """All that the rule could reach: ranked, then fallbacks, then those that are out by slug. Above 50, full terms for the best 20."""
    options = ranking.options + followers
    full = len(options) if len(options) + len(out) <= FULL_BELOW else FULL_TERMS
    kind = ranking.probability_kind
    found = [_full(option, kind) for option in options[:full]]
    found += [
        Candidate(option.slug, True, option.verdict, probability=option.probability, probability_kind=kind)
        for option in options[full:]
    ]
    found += [Candidate(slug, False, *out[slug]) for slug in sorted(out)]
    return tuple(found)


def _full(option: Option, kind: str) -> Candidate:
    estimate = Estimate(option.cost_nusd, option.ttft_ms, option.output_tokens)
    return Candidate(
        option.slug,
        True,
        option.verdict,
        option.detail,
        option.score,
        option.terms,
        option.probability,
        kind,
        estimate,
    )


def plan_of(ranking: Ranking, followers: list[Option], trace: list[TraceStep]) -> tuple[PlanStep, ...]:
    """The first ranked is primary, at most four more follow; the trace names the choice, the runner-up and added fallbacks."""
    if not ranking.options:
        trace.append(TraceStep("plan", "", Verdict.NO_CANDIDATE))
        return ()
    primary = ranking.options[0]
    rest = (ranking.options[1:] + followers)[: MAX_STEPS - 1]
    trace.append(TraceStep("plan", primary.slug, Verdict.CHOSEN, _margin(ranking.options)))
    trace.extend(TraceStep("plan", option.slug, Verdict.FALLBACK_ADDED) for option in rest if option.is_fallback)
    steps = (PlanStep(option.slug, "fallback", "failed_before_first_byte") for option in rest)
    return (PlanStep(primary.slug, "primary"), *steps)


def effects_of(ranking: Ranking) -> tuple[Effect, ...]:
    """What serving applies before its next await. A primary that is not closed is being probed."""
    if not ranking.options:
        return ()
    primary = ranking.options[0]
    probe: tuple[Effect, ...] = () if primary.live.breaker == "closed" else (ProbePermit(primary.slug),)
    return (*ranking.effects, *probe, InFlight(primary.slug))


def _margin(options: list[Option]) -> dict[str, object]:
    if len(options) < 2:
        return {}
    first, second = options[0], options[1]
    because: dict[str, object] = {"over": second.slug}
    if first.score is not None and second.score is not None:
        because["margin"] = first.score - second.score
    return because
