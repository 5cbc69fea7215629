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


def plan_of(
    ranking: Ranking, followers: list[Option], trace: list[TraceStep], hedge_after_ms: int | None = None
) -> tuple[PlanStep, ...]:
    """The first ranked is primary, at most four more follow; the trace names the choice, the runner-up, the hedge and added fallbacks.

    Under a hedge the second is asked as well once the primary has kept silent so long; if the primary fails before, it is a fallback.
    """
    if not ranking.options:
        trace.append(TraceStep("plan", "", Verdict.NO_CANDIDATE))
        return ()
    primary = ranking.options[0]
    rest = (ranking.options[1:] + followers)[: MAX_STEPS - 1]
    trace.append(TraceStep("plan", primary.slug, Verdict.CHOSEN, _margin(ranking)))
    trace.extend(TraceStep("plan", option.slug, Verdict.FALLBACK_ADDED) for option in rest if option.is_fallback)
    steps = [PlanStep(option.slug, "fallback", "failed_before_first_byte") for option in rest]
    escalations = min(ranking.escalations, len(rest))
    if escalations:
        return _cascade(ranking, steps, escalations, trace)
    if hedge_after_ms is not None and rest:
        steps[0] = PlanStep(rest[0].slug, "hedge", "no_first_token")
        trace.append(TraceStep("plan", rest[0].slug, Verdict.HEDGE_ADDED, {"after_ms": hedge_after_ms}))
    return (PlanStep(primary.slug, "primary"), *steps)


def _cascade(
    ranking: Ranking, followers: list[PlanStep], escalations: int, trace: list[TraceStep]
) -> tuple[PlanStep, ...]:
    """Every step but the last of the cascade is checked; what is left follows as fallbacks."""
    checks = ranking.accept_if
    slugs = [step.deployment for step in followers[:escalations]]
    trace.extend(TraceStep("plan", slug, Verdict.ESCALATION_ADDED, {"accept_if": list(checks)}) for slug in slugs)
    steps = [PlanStep(ranking.options[0].slug, "primary", accept_if=checks)]
    steps += [PlanStep(slug, "escalation", "not_accepted", checks) for slug in slugs[:-1]]
    steps.append(PlanStep(slugs[-1], "escalation", "not_accepted"))
    return (*steps, *followers[escalations:])


def effects_of(ranking: Ranking) -> tuple[Effect, ...]:
    """What serving applies before its next await. A primary that is not closed is being probed."""
    if not ranking.options:
        return ()
    primary = ranking.options[0]
    probe: tuple[Effect, ...] = () if primary.live.breaker == "closed" else (ProbePermit(primary.slug),)
    return (*ranking.effects, *probe, InFlight(primary.slug))


def _margin(ranking: Ranking) -> dict[str, object]:
    """Over whom, and by how much of the score; nothing where it was not the strategy that put it first."""
    if len(ranking.options) < 2 or ranking.is_reordered:
        return {}
    first, second = ranking.options[:2]
    because: dict[str, object] = {"over": second.slug}
    if first.score is not None and second.score is not None:
        because["margin"] = first.score - second.score
    return because
