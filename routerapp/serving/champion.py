"""The champion gate: gathers what held-back prompts and recorded traffic say of a challenger beside the predictor in force, and asks
learning.champion.judge, which alone decides.

The verdict stands on the challenger's card and names the champion it was held against; promoting reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from routerapp.learning.bootstrap import Figure
from routerapp.learning.champion import LEAST_PROMPTS, Look, judge
from routerapp.learning.evaluation import differences, drawn_figures
from routerapp.learning.grading import grade, predictions
from routerapp.learning.off_policy import Refusal
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.resampling import Interval
from routerapp.models import PredictorVersion
from routerapp.serving.gate_words import held_back_words, traffic_words, verdict_words
from routerapp.serving.learned_router import Learned, router_of
from routerapp.serving.routing_report import held_back
from routerapp.serving.traffic_look import traffic_look
from routerapp.store.benchmarks import load_outcomes
from routerapp.store.config_document import unix_ms
from routerapp.store.predictors import artefact_bytes, live_predictor, trained_benchmarks

DRAWS = 500
OTHER_MODELS, TOO_FEW_PROMPTS, NO_INTERVAL = "other_models", "too_few_prompts", "no_interval"


def gate_of(challenger: Learned, card: Mapping[str, Any], asked: Outcomes, *, seed: int) -> dict[str, Any]:
    """champion: sha256 of the one in force, empty without one. is_better: whether it may be promoted; None where there is nothing to be
    better than. is_sure: both halves say so. verdict: of learning.champion. held_back, traffic: the two halves, numbers and words.

    card: of the challenger, which names what it was trained on. asked: prompts held back from every training.
    """
    live = live_predictor()
    if live is None:
        return {"champion": "", "is_better": None, "is_sure": False, "reason": "No predictor is in force."}
    champion = router_of(artefact_bytes(live.sha256) or b"")
    slice_look, told = _held_back_look(challenger, champion, asked, live, seed)
    traffic = traffic_look(challenger, champion, _trained_on(card, live.card), unix_ms(timezone.now()))
    verdict = judge(slice_look, traffic.look)
    on_traffic = traffic.as_json()
    halves = {
        "held_back": told | {"reason": held_back_words(slice_look, told)},
        "traffic": on_traffic | {"reason": traffic_words(on_traffic)},
    }
    return {
        "champion": live.sha256,
        "name": str(live),
        "verdict": verdict.reason,
        "is_better": verdict.may_promote,
        "is_sure": verdict.is_sure,
        "reason": verdict_words(verdict, halves["held_back"]["reason"], halves["traffic"]["reason"]),
        **halves,
    }


def _held_back_look(
    challenger: Learned, champion: Learned, asked: Outcomes, live: PredictorVersion, seed: int
) -> tuple[Look, dict[str, Any]]:
    """The paired difference of dAIQ, or of the quality gained where costs are unknown."""
    missing = [model for model in asked.models if model not in champion.models]
    if missing:
        return Look(None, Refusal(OTHER_MODELS)), {"refusal": OTHER_MODELS, "missing": missing, "champion": str(live)}
    graded = grade(asked, DRAWS, seed)
    questions = len(set(graded.outcomes.groups))
    told: dict[str, Any] = {"prompts": len(graded.outcomes), "questions": questions, "least": LEAST_PROMPTS}
    if questions < LEAST_PROMPTS:
        return Look(None, Refusal(TOO_FEW_PROMPTS)), told | {"refusal": TOO_FEW_PROMPTS}
    drawn = [drawn_figures(graded, predictions(one.router, graded.outcomes)) for one in (challenger, champion)]
    figure = "gain_over_zero" if graded.is_costed else "perf_gain"
    difference = differences(drawn[0], drawn[1])[figure]
    told |= {"figure": figure, "difference": difference.as_json()}
    found = _interval(difference)
    if found is None:
        return Look(None, Refusal(NO_INTERVAL)), told | {"refusal": NO_INTERVAL}
    return Look(found), told


def _interval(figure: Figure) -> Interval | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return Interval(figure.value, figure.low, figure.high)


def _trained_on(*cards: Mapping[str, Any]) -> frozenset[str]:
    """Prompts that one of the two has learned from, of the benchmarks that are still here."""
    found: set[str] = set()
    for slug in sorted({slug for card in cards for slug in trained_benchmarks(card)}):
        outcomes = load_outcomes([slug])
        kept_back = held_back(outcomes)
        found.update(prompt for prompt, is_apart in zip(outcomes.prompts, kept_back, strict=True) if not is_apart)
    return frozenset(found)
