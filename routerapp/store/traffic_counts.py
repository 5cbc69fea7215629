"""How many requests of which kind came on each day, and how many attempts of each model went well: what drift is looked for in.

Kinds are counted on a sample of each quarter of a day, so that a day of a million requests costs what a day of a thousand does.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from django.db.models import Sum

from routerapp.learning.evidence import DAY_MS, Floats
from routerapp.models import AttemptRollup, DecisionInputs, Granularity, Origin, RoutedRequest
from routerapp.store.reports import JUDGED

QUARTERS = 4
SAMPLED_EACH = 250
BATCH = 500
LENGTHS = (100, 500, 2_000, 8_000)
TASK, LANGUAGE, LENGTH, CLUSTER = "task", "language", "length", "cluster"


@dataclass(frozen=True, slots=True)
class DailyCounts:
    """names: k classes, sorted. counts: (days, k), the oldest day first; a day is 24 hours that end when the look was taken."""

    names: tuple[str, ...]
    counts: Floats


class _Predicted(msgspec.Struct):
    predictor: str = ""
    cluster: int | None = None


class _Inputs(msgspec.Struct):
    predictions: _Predicted | None = None


class _Document(msgspec.Struct):
    inputs: _Inputs | None = None


_decode = msgspec.json.Decoder(_Document).decode


def kinds_of_days(now_ms: int, days: int, predictor: str = "") -> dict[str, DailyCounts]:
    """Dimension -> its counts on each of these days, of live chats. The cluster is what this predictor said of them."""
    found: dict[str, list[Counter[str]]] = defaultdict(lambda: [Counter() for _ in range(days)])
    for day in range(days):
        rows = [row for part in range(QUARTERS) for row in _sample(now_ms - (days - day) * DAY_MS, part)]
        for _, task, language, tokens in rows:
            found[TASK][day][task or "unknown"] += 1
            found[LANGUAGE][day][language or "unknown"] += 1
            found[LENGTH][day][length_name(tokens)] += 1
        if predictor:
            for cluster in _clusters([row[0] for row in rows], predictor):
                found[CLUSTER][day][str(cluster)] += 1
    return {dimension: _table(each) for dimension, each in found.items()}


def attempts_of_days(now_ms: int, days: int) -> dict[str, Floats]:
    """Language model -> (days, 2): attempts that went well, and that did not, on each day of UTC up to today; all traffic is counted."""
    first = now_ms // DAY_MS - days + 1
    rows = AttemptRollup.objects.filter(
        granularity=Granularity.DAY, starts_at_ms__gte=first * DAY_MS, origin=Origin.LIVE, status__in=JUDGED
    )
    sums = rows.values_list("language_model", "starts_at_ms", "status").annotate(Sum("n")).order_by()
    found: dict[str, Floats] = {}
    for model, starts_at_ms, status, n in sums:
        day = starts_at_ms // DAY_MS - first
        if model and 0 <= day < days:
            found.setdefault(model, np.zeros((days, 2)))[day, 0 if status == JUDGED[0] else 1] += n
    return dict(sorted(found.items()))


def length_name(tokens: int) -> str:
    """100 to 499 tokens: classes that stay apart whatever the tokenizer."""
    at = bisect_right(LENGTHS, tokens)
    if at == len(LENGTHS):
        return f"from {LENGTHS[-1]:,} tokens"
    return f"under {LENGTHS[0]:,} tokens" if not at else f"{LENGTHS[at - 1]:,} to {LENGTHS[at] - 1:,} tokens"


def _sample(day_ms: int, part: int) -> list[tuple[str, str, str, int]]:
    length = DAY_MS // QUARTERS
    since = day_ms + part * length
    rows = RoutedRequest.objects.filter(
        origin=Origin.LIVE, endpoint="chat", at_ms__gte=since, at_ms__lt=since + length
    ).order_by("-at_ms", "-id")
    return list(rows.values_list("id", "task", "language", "prompt_tokens_estimate")[:SAMPLED_EACH])


def _clusters(request_ids: Sequence[str], predictor: str) -> Iterable[int]:
    for first in range(0, len(request_ids), BATCH):
        rows = DecisionInputs.objects.filter(request_id__in=request_ids[first : first + BATCH])
        for document in rows.values_list("document", flat=True):
            inputs = _decode(zlib.decompress(document)).inputs
            said = None if inputs is None else inputs.predictions
            if said is not None and said.predictor == predictor and said.cluster is not None:
                yield said.cluster


def _table(days: Sequence[Mapping[str, int]]) -> DailyCounts:
    names = tuple(sorted({name for day in days for name in day}))
    return DailyCounts(names, np.array([[float(day.get(name, 0)) for name in names] for day in days]))
