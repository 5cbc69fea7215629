"""What sticky units and exploration do to a ranking. Both only reorder what is eligible already; probabilities stay exact."""

from __future__ import annotations

from dataclasses import replace

from routerapp.engine.bucketing import rendezvous, u
from routerapp.engine.critical import is_critical
from routerapp.engine.extras import Extras, Sticky
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, certain
from routerapp.engine.types import LastServed, Live, RequestFacts, TraceStep
from routerapp.engine.verdicts import Verdict


def keep_or_explore(ranking: Ranking, extras: Extras, moment: Moment, live: Live, now_ms: int) -> Ranking:
    """The ranking of one set of options under a rule's extras.

    A unit that was served lately stays where it was if that is eligible, and is never explored with. A new or moved one goes to its
    place by hash, or where the strategy says, and may be explored with. A strategy whose first was not taken has had no turn.
    """
    sticky = extras.sticky
    unit = None if sticky is None else unit_of(sticky, moment.facts)
    if sticky is not None and unit is not None:
        last = last_served(sticky, live, now_ms)
        kept = None if last is None else _find(ranking, last.deployment)
        if kept is not None:
            return _certainly(ranking, kept)
        if sticky.first == "hash":
            ranking = _certainly(ranking, _by_hash(ranking.options, unit))
    return explored(ranking, extras.explore_share or 0.0, moment, extras.explore_margin)


def sticky_step(sticky: Sticky, first: str, facts: RequestFacts, live: Live, now_ms: int) -> TraceStep:
    """What became of the unit, once it is known who is first."""
    if unit_of(sticky, facts) is None:
        return TraceStep("strategy", sticky.by, Verdict.PER_REQUEST_UNIT)
    last = last_served(sticky, live, now_ms)
    if last is None:
        return TraceStep("strategy", first, Verdict.STICKY_NEW, {"by": sticky.first})
    if last.deployment == first:
        return TraceStep("strategy", first, Verdict.STICKY_KEPT)
    because = {
        "from": last.deployment,
        "to": first,
        "lost_cache_tokens": last.prompt_tokens,
        "by": sticky.first,
    }
    return TraceStep("strategy", first, Verdict.STICKY_MOVED, because)


def unit_of(sticky: Sticky, facts: RequestFacts) -> str | None:
    return facts.tenant_unit if sticky.by == "tenant" else facts.unit


def last_served(sticky: Sticky, live: Live, now_ms: int) -> LastServed | None:
    """Where the unit was answered last, unless that is longer ago than the rule remembers."""
    last = live.tenant_last_served if sticky.by == "tenant" else live.last_served
    if last is None or now_ms - last.at_ms > sticky.ttl_seconds * 1000:
        return None
    return last


def explored(ranking: Ranking, share: float, moment: Moment, margin: float | None = None) -> Ranking:
    """With this share the first changes places with another that may be tried, drawn evenly; never for a prompt marked critical.

    The draw is independent of the strategy's own. With p_i the strategy's probability of i being first, T those that may be tried and
    n_f how many of T are not f, exactly p'_i = p_i · (1 − share·[n_i > 0]) + [i ∈ T] · share · Σ_{f ≠ i} p_f / n_f, which sums to 1.
    """
    options = ranking.options
    if not share or len(options) < 2:
        return ranking
    if is_critical(moment.facts):
        step = TraceStep("strategy", options[0].slug, Verdict.NOT_EXPLORED_CRITICAL)
        return replace(ranking, trace=(*ranking.trace, step))
    tried = options if margin is None else _within(options, margin, moment)
    others = [option for option in tried if option is not options[0]]
    _spread(options, tried, share)
    kind = "exact" if ranking.probability_kind == "deterministic" else ranking.probability_kind
    if not others or u(moment.seed, "explore_share", moment.rule_id, "") >= share:
        return replace(ranking, probability_kind=kind)
    chosen = min(others, key=lambda option: (u(moment.seed, "explore_which", moment.rule_id, option.slug), option.slug))
    because: dict[str, object] = {"instead_of": options[0].slug, "share": share}
    if margin is not None:
        because["margin"] = margin
    step = TraceStep("strategy", chosen.slug, Verdict.EXPLORED, because)
    rest = [option for option in options if option is not chosen]
    return Ranking([chosen, *rest], kind, trace=(*ranking.trace, step), is_reordered=True)


def _spread(options: list[Option], tried: list[Option], share: float) -> None:
    if len(tried) == len(options):
        others = len(options) - 1
        for option in options:
            option.probability = (1.0 - share) * option.probability + share * (1.0 - option.probability) / others
        return
    slugs = {option.slug for option in tried}
    rivals = {option.slug: len(slugs) - (option.slug in slugs) for option in options}
    before = {option.slug: option.probability for option in options}
    given = {slug: share * chance / rivals[slug] if rivals[slug] else 0.0 for slug, chance in before.items()}
    total = sum(given.values())
    for option in options:
        slug = option.slug
        kept = before[slug] * (1.0 - share) if rivals[slug] else before[slug]
        option.probability = kept + (max(0.0, total - given[slug]) if slug in slugs else 0.0)


def _within(options: list[Option], margin: float, moment: Moment) -> list[Option]:
    """Those whose quality is at most so much below the best's: as predicted for this prompt, else, for all alike, as the catalogue says."""
    known = moment.predictions.models if moment.predictions is not None else {}
    quality: dict[str, float] = {}
    for option in options:
        found = known.get(option.model.slug)
        worth = (option.quality if not known else None) if found is None else found.quality
        if worth is not None:
            quality[option.slug] = worth
    floor = max(quality.values(), default=0.0) - margin
    return [option for option in options if option.slug in quality and quality[option.slug] >= floor]


def _find(ranking: Ranking, slug: str) -> Option | None:
    return next((option for option in ranking.options if option.slug == slug), None)


def _by_hash(options: list[Option], unit: str) -> Option:
    """Not salted by rule: a unit keeps its deployment, and its prompt cache, across rules."""
    weights = {option.slug: float(option.deployment.weight) for option in options}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    first = rendezvous(unit, weights)[0]
    return next(option for option in options if option.slug == first)


def _certainly(ranking: Ranking, first: Option) -> Ranking:
    """This one first, the others in the strategy's order."""
    ranked = ranking.options[0]
    for option in ranking.options:
        option.probability = 0.0
    if ranked is first:
        return Ranking(certain(ranking.options), effects=ranking.effects, trace=ranking.trace)
    # steps about the one the strategy had first would explain a choice that was not made
    trace = tuple(step for step in ranking.trace if step.subject != ranked.slug)
    rest = [option for option in ranking.options if option is not first]
    return Ranking(certain([first, *rest]), trace=trace, is_reordered=True)
