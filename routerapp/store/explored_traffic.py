"""Recorded live requests that were decided partly by chance and judged afterwards: all that is needed to ask what another decision was worth.

Read one by one, for each carries a whole configuration along. Jobs only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.situation import Situation
from routerapp.engine.types import Decision
from routerapp.learning.evidence import DAY_MS
from routerapp.models import Feedback, FeedbackKind, Origin, RoutedRequest, Status
from routerapp.store.kept_chats import whole_chats
from routerapp.store.replay import NotReplayable, load_recorded

DAYS = 60
NEWEST = 20_000
BATCH = 500
JUDGEMENTS = (FeedbackKind.RATING, FeedbackKind.BOOLEAN)

# Why a judged request is no row, in the order they are asked.
NOT_ANSWERED, NOT_KEPT, NOT_RECORDED = "not_answered", "not_kept", "not_recorded"
NOT_PREDICTED, NOT_EXPLORED = "not_predicted", "not_explored"


@dataclass(frozen=True, slots=True)
class Explored:
    """reward: mean judgement of its answer, 0 to 1. unit: requests of one end user are alike. cost_nusd: None is unknown."""

    request_id: str
    situation: Situation
    decision: Decision
    chat: Chat
    reward: float
    cost_nusd: int | None
    unit: str


def explored_traffic(now_ms: int, left_out: Counter[str]) -> Iterator[Explored]:
    """Of the newest judgements, oldest request first. left_out: how many were not taken, by why, filled while reading."""
    rewards = _rewards(now_ms)
    ids = sorted(rewards)
    for first in range(0, len(ids), BATCH):
        chunk = ids[first : first + BATCH]
        answered = _answered(chunk)
        chats = whole_chats(chunk)
        for request_id in chunk:
            found = _explored(request_id, rewards[request_id], answered, chats)
            if isinstance(found, str):
                left_out[found] += 1
            else:
                yield found


def _explored(
    request_id: str, reward: float, answered: Mapping[str, tuple[int | None, str]], chats: Mapping[str, Chat]
) -> Explored | str:
    if request_id not in answered:
        return NOT_ANSWERED
    chat = chats.get(request_id)
    if chat is None:
        return NOT_KEPT
    recorded = load_recorded(request_id)
    if isinstance(recorded, NotReplayable):
        return NOT_RECORDED
    decision = msgspec.json.decode(recorded.document, type=Decision)
    inputs = recorded.situation.inputs
    if inputs.predictions is None or not decision.plan:
        return NOT_PREDICTED
    if not any(0.0 < one.probability < 1.0 for one in decision.candidates):
        return NOT_EXPLORED
    cost_nusd, unit = answered[request_id]
    # Callers spell it in several ways; decisions have it from one place.
    chat = msgspec.structs.replace(chat, max_tokens=inputs.facts.max_tokens)
    return Explored(request_id, recorded.situation, decision, chat, reward, cost_nusd, unit)


def _rewards(now_ms: int) -> dict[str, float]:
    """Request -> mean of its judgements; of one source the last of a kind counts, as everywhere."""
    last: dict[tuple[str, str, str], float] = {}
    rows = Feedback.objects.filter(kind__in=JUDGEMENTS, value__isnull=False, at_ms__gte=now_ms - DAYS * DAY_MS)
    columns = ("request_id", "kind", "source", "value")
    for request_id, kind, source, value in rows.order_by("-at_ms", "-id").values_list(*columns)[:NEWEST]:
        last.setdefault((request_id, kind, source), min(1.0, max(0.0, value)))
    values: dict[str, list[float]] = defaultdict(list)
    for (request_id, _, _), value in sorted(last.items()):
        values[request_id].append(value)
    return {request_id: sum(found) / len(found) for request_id, found in values.items()}


def _answered(request_ids: Sequence[str]) -> dict[str, tuple[int | None, str]]:
    """Request -> cost, unit: of live requests that got an answer, from a model and not from the cache."""
    rows = RoutedRequest.objects.filter(id__in=request_ids, origin=Origin.LIVE, status=Status.OK).exclude(cache="hit")
    return {
        request_id: (cost_nusd, user or request_id)
        for request_id, cost_nusd, user in rows.values_list("id", "cost_nusd", "user_hash")
    }
