"""What recorded live traffic says of a challenger and of the champion: each decision is made again with what either would have predicted.

Nothing is sent anywhere and nothing about what serves changes. Only requests that were explored, judged and whose prompt was kept can
tell; how many could not, and why, is part of the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.decide import UnknownObservation
from routerapp.engine.money import NUSD_PER_USD
from routerapp.engine.problems import PolicyError
from routerapp.engine.types import Candidate, Decision, Predictions
from routerapp.learning.champion import Look
from routerapp.learning.off_policy import (
    NO_ROWS,
    NO_SUPPORT,
    DecisionLog,
    OffPolicyReport,
    Refusal,
    compare,
    evaluate,
    supported,
)
from routerapp.learning.outcomes import Floats
from routerapp.learning.reading import read_prompt
from routerapp.learning.resampling import Interval
from routerapp.serving.learned_router import Learned
from routerapp.serving.predicting import sound
from routerapp.serving.prompt_predictor import counts_of
from routerapp.store.explored_traffic import DAYS, Explored, explored_traffic

# More than this share of requests on which a model would be taken that was never tried there: the rest is not the traffic any more.
MOST_UNSUPPORTED = 0.2
UNKNOWN_QUALITY = 0.5
DIGITS = 6

TRAINED_ON, NOT_DECIDABLE, UNPRICED, UNSUPPORTED = "trained_on", "not_decidable", "unpriced", "unsupported"


@dataclass(frozen=True, slots=True)
class _Row:
    """By model: the probability it had, has under each of the two, and the reward expected of it."""

    chosen: str
    logged: Mapping[str, float]
    targets: tuple[Mapping[str, float], Mapping[str, float]]
    expected: Mapping[str, float]
    reward: float
    unit: str


@dataclass(slots=True)
class TrafficLook:
    """look: challenger − champion in mean judgement − λ · cost. challenger, champion: each alone, None without rows."""

    look: Look
    rows: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    challenger: OffPolicyReport | None = None
    champion: OffPolicyReport | None = None

    def as_json(self) -> dict[str, Any]:
        """Numbers only, for the card."""
        refusal = self.look.refusal
        return {
            "days": DAYS,
            "rows": self.rows,
            "left_out": dict(sorted(self.left_out.items())),
            "difference": _interval(self.look.difference),
            "refusal": None if refusal is None else {"code": refusal.code, "detail": dict(refusal.detail)},
            "challenger": _report(self.challenger),
            "champion": _report(self.champion),
        }


def traffic_look(challenger: Learned, champion: Learned, trained_on: Collection[str], now_ms: int) -> TrafficLook:
    """trained_on: prompts either has learned from; what was learned from a request says nothing of how it would do there."""
    left_out: Counter[str] = Counter()
    rows = []
    for one in explored_traffic(now_ms, left_out):
        found = _row(one, (challenger, champion), trained_on)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            rows.append(found)
    if not rows:
        return TrafficLook(Look(None, Refusal(NO_ROWS)), 0, left_out)
    log, targets = _log(rows)
    inside = supported(log, targets)
    share = 1.0 - float(inside.mean())
    left_out[UNSUPPORTED] += int(np.sum(~inside))
    if share > MOST_UNSUPPORTED:
        refusal = Refusal(NO_SUPPORT, {"share": round(share, 4), "rows": float(len(rows))})
        return TrafficLook(Look(None, refusal), len(rows), left_out)
    log, mine, theirs = log.rows(inside), targets[0][inside], targets[1][inside]
    difference, refused = compare(log, mine, theirs)
    return TrafficLook(Look(difference, refused), len(log), left_out, evaluate(log, mine), evaluate(log, theirs))


def _row(one: Explored, both: Sequence[Learned], trained_on: Collection[str]) -> _Row | str:
    """Raises nothing: what cannot be decided again is no row."""
    content = read_content(one.chat)
    if content.text in trained_on:
        return TRAINED_ON
    lambda_per_usd = _lambda(one.decision)
    if lambda_per_usd and one.cost_nusd is None:
        return UNPRICED
    said = [_said(learned, one.chat, one.situation.inputs.predictions) for learned in both]
    try:
        decisions = [one.situation.with_inputs(predictions=predictions).decide() for predictions in said]
    except (UnknownObservation, PolicyError):
        return NOT_DECIDABLE
    if not all(decision.plan for decision in decisions):
        return NOT_DECIDABLE
    models = {slug: deployment.model for slug, deployment in one.situation.config.deployments.items()}
    mine, theirs = (_by_model(decision, models) for decision in decisions)
    return _Row(
        models[one.decision.plan[0].deployment],
        _by_model(one.decision, models),
        (mine, theirs),
        _expected(one.decision.candidates, models, said, lambda_per_usd),
        one.reward - lambda_per_usd * (one.cost_nusd or 0) / NUSD_PER_USD,
        one.unit,
    )


def _said(learned: Learned, chat: Chat, recorded: Predictions | None) -> Predictions | None:
    """What the gateway would have had from it; nearness to examples of routes hangs on no predictor."""
    content = read_content(chat)
    predictions = learned.says(read_prompt(content.text, counts_of(chat, content)))
    return sound(msgspec.structs.replace(predictions, routes={} if recorded is None else recorded.routes))


def _lambda(decision: Decision) -> float:
    """What its rule lets cost weigh, in quality per USD; 0 where cost is not a matter of degree."""
    found = (step.because["lambda_per_usd"] for step in decision.trace if "lambda_per_usd" in step.because)
    return float(next(found, 0.0))


def _by_model(decision: Decision, models: Mapping[str, str]) -> dict[str, float]:
    """The models' probabilities of being asked first; they add up to 1."""
    found: dict[str, float] = {}
    for one in decision.candidates:
        if one.probability > 0.0 and one.deployment in models:
            found[models[one.deployment]] = found.get(models[one.deployment], 0.0) + one.probability
    whole = sum(found.values())
    return {model: share / whole for model, share in found.items()}


def _expected(
    candidates: Sequence[Candidate],
    models: Mapping[str, str],
    said: Sequence[Predictions | None],
    lambda_per_usd: float,
) -> dict[str, float]:
    """Both predictors' mean, less what it would have cost: any function of what was known before the choice serves."""
    found: dict[str, float] = {}
    for one in candidates:
        model = models.get(one.deployment, "")
        known = [each.models[model].quality for each in said if each is not None and model in each.models]
        quality = sum(known) / len(known) if known else UNKNOWN_QUALITY
        value = quality - lambda_per_usd * (one.estimate.cost_nusd or 0) / NUSD_PER_USD
        found[model] = max(value, found.get(model, value))
    return found


def _log(rows: Sequence[_Row]) -> tuple[DecisionLog, tuple[Floats, Floats]]:
    models = sorted({model for row in rows for model in (*row.logged, *row.expected, *row.targets[0], *row.targets[1])})
    place = {model: at for at, model in enumerate(models)}

    def table(each: Sequence[Mapping[str, float]], empty: float = 0.0) -> Floats:
        found = np.full((len(rows), len(models)), empty)
        for at, values in enumerate(each):
            for model, value in values.items():
                found[at, place[model]] = value
        return found

    _, units = np.unique([row.unit for row in rows], return_inverse=True)
    log = DecisionLog(
        np.array([place[row.chosen] for row in rows], dtype=np.int64),
        table([row.logged for row in rows]),
        np.array([row.reward for row in rows]),
        table([row.expected for row in rows], UNKNOWN_QUALITY),
        units.astype(np.int64),
    )
    return log, (table([row.targets[0] for row in rows]), table([row.targets[1] for row in rows]))


def _interval(found: Interval | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {name: round(getattr(found, name), DIGITS) for name in ("value", "low", "high")}


def _report(found: OffPolicyReport | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "value": _interval(found.best),
        "direct": _interval(found.direct),
        "logged": _interval(found.logged),
        "effective": round(found.effective, 1),
        "largest_weight": round(found.largest_weight, 2),
        "clipped": round(found.clipped, 4),
    }
