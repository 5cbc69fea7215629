"""Recorded costs worked out again with the price history as it is now: attempts, their requests and every sum over them, to the nano-dollar.

In bounded transactions, each of which leaves rows and sums equal. Running it twice changes nothing the second time. A request's baseline
stays as it was decided, and so does what the cache saved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from routerapp.engine.money import attempt_cost, price_at
from routerapp.engine.types import Price
from routerapp.models import AttemptRow, Granularity, RoutedRequest
from routerapp.models import Price as PriceRow
from routerapp.store.facts import AttemptFact, RequestFact
from routerapp.store.prices import value_of
from routerapp.store.rollups import LENGTH_MS, Increments

REQUESTS_PER_TRANSACTION = 100
# An attempt begins after its request; none of a plan's deadlines is as long.
LONGEST_REQUEST_MS = LENGTH_MS[Granularity.HOUR.value]
PRICE_COLUMNS = (
    "input_nusd_per_mtok",
    "output_nusd_per_mtok",
    "cached_input_nusd_per_mtok",
    "cache_write_nusd_per_mtok",
    "price_source",
    "cost_nusd",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Attempts of one deployment that began in from_ms <= t < to_ms, and its prices, oldest first."""

    deployment: str
    from_ms: int
    to_ms: int
    prices: tuple[Price, ...]


@dataclass(slots=True)
class DaySums:
    """Known costs before and after, and how many attempts had or have none."""

    attempts: int = 0
    changed: int = 0
    old_nusd: int = 0
    new_nusd: int = 0
    unpriced_before: int = 0
    unpriced_after: int = 0


@dataclass(slots=True)
class Difference:
    """What re-pricing changes. requests: with an attempt in scope. unknown_usage: attempts whose tokens nobody knows; they stay."""

    requests: int = 0
    changed_requests: int = 0
    unknown_usage: int = 0
    days: dict[str, DaySums] = field(default_factory=dict)

    def total(self, name: str) -> int:
        return sum(getattr(day, name) for day in self.days.values())


def price_history(deployment_id: int) -> tuple[Price, ...]:
    """Oldest first."""
    rows = PriceRow.objects.filter(deployment_id=deployment_id).order_by("valid_from")
    return tuple(value_of(row) for row in rows)


def find_difference(scope: Scope, on_batch: Callable[[float], None]) -> Difference:
    """Reads only. on_batch hears how far it is (0..1) and may raise."""
    return _walk(scope, on_batch, is_applied=False)


def apply_prices(scope: Scope, on_batch: Callable[[float], None]) -> Difference:
    """Writes; what it returns is what it changed. A drainer may go on writing meanwhile."""
    return _walk(scope, on_batch, is_applied=True)


def _walk(scope: Scope, on_batch: Callable[[float], None], *, is_applied: bool) -> Difference:
    found = Difference()
    length_ms = max(1, scope.to_ms - scope.from_ms)
    for at_ms, request_ids in _batches(scope):
        if is_applied:
            with transaction.atomic():
                _batch(scope, request_ids, found, is_applied=True)
        else:
            _batch(scope, request_ids, found, is_applied=False)
        on_batch(min(0.99, max(0.0, (at_ms - scope.from_ms) / length_ms)))
    return found


def _batches(scope: Scope) -> Iterator[tuple[int, list[str]]]:
    """Requests of the time in the order they came; only ids, so that nothing is held between two transactions."""
    rows = RoutedRequest.objects.filter(at_ms__lt=scope.to_ms, attempts__gt=0).order_by("at_ms", "id")
    since_ms, ties = scope.from_ms - LONGEST_REQUEST_MS, Q()
    while True:
        # One lower bound for the index; ties are told apart by their id.
        batch = list(rows.filter(ties, at_ms__gte=since_ms).values_list("at_ms", "id")[:REQUESTS_PER_TRANSACTION])
        if not batch:
            return
        since_ms, last_id = batch[-1]
        ties = Q(at_ms__gt=since_ms) | Q(id__gt=last_id)
        yield since_ms, [request_id for _, request_id in batch]


def _batch(scope: Scope, request_ids: Sequence[str], found: Difference, *, is_applied: bool) -> None:
    attempts = AttemptRow.objects.filter(request_id__in=request_ids)
    touched = attempts.filter(deployment=scope.deployment, at_ms__gte=scope.from_ms, at_ms__lt=scope.to_ms)
    wanted = sorted(set(touched.values_list("request_id", flat=True)))
    if not wanted:
        return
    rows, requests = attempts.filter(request_id__in=wanted), RoutedRequest.objects.filter(id__in=wanted)
    if is_applied:
        rows, requests = rows.select_for_update(), requests.select_for_update()
    by_request: dict[str, list[AttemptRow]] = defaultdict(list)
    request_rows = {row.id: row for row in requests.order_by("id")}
    for row in rows.order_by("id"):
        by_request[row.request_id].append(row)
    increments = Increments()
    for request_id, request in request_rows.items():
        found.requests += 1
        if _reprice_request(scope, request, by_request[request_id], found, increments if is_applied else None):
            found.changed_requests += 1
    if is_applied:
        with connection.cursor() as cursor:
            increments.adjust(cursor)


def _reprice_request(
    scope: Scope,
    request: RoutedRequest,
    attempts: Sequence[AttemptRow],
    found: Difference,
    increments: Increments | None,
) -> bool:
    """Whether the request's own cost changes. increments: where to note it when it is to be written."""
    before = [attempt.cost_nusd for attempt in attempts]
    for attempt in attempts:
        if attempt.deployment != scope.deployment or not scope.from_ms <= attempt.at_ms < scope.to_ms:
            continue
        old, fresh = _fact(AttemptFact, attempt), _priced(scope, attempt)
        if fresh is None:
            found.unknown_usage += 1
            continue
        _count(found, attempt, fresh["cost_nusd"])
        changed = {name: value for name, value in fresh.items() if getattr(attempt, name) != value}
        for name, value in changed.items():
            setattr(attempt, name, value)
        if changed and increments is not None:
            AttemptRow.objects.filter(pk=attempt.pk).update(**changed)
            increments.add_attempt(old, request.origin, -1)
            increments.add_attempt(_fact(AttemptFact, attempt), request.origin)
    cost = _request_cost(request.cost_nusd, before, [attempt.cost_nusd for attempt in attempts])
    if cost == request.cost_nusd:
        return False
    if increments is not None:
        increments.add_request(_fact(RequestFact, request), -1)
        request.cost_nusd = cost
        increments.add_request(_fact(RequestFact, request))
        RoutedRequest.objects.filter(pk=request.pk).update(cost_nusd=cost)
    return True


def _priced(scope: Scope, attempt: AttemptRow) -> Mapping[str, Any] | None:
    """The attempt's price columns as they should be, as serving would have recorded them; None when its tokens are unknown."""
    if attempt.input_tokens is None or attempt.output_tokens is None:
        return None
    price = price_at(scope.prices, attempt.at_ms)
    is_free = attempt.input_tokens == 0 and attempt.output_tokens == 0
    cost: int | None = 0 if is_free else None
    if price is not None and not is_free:
        parts = (attempt.cached_tokens or 0, attempt.cache_write_tokens or 0)
        cost = attempt_cost(price, attempt.input_tokens, attempt.output_tokens, *parts)
    values = (
        price.input_nusd_per_mtok if price else None,
        price.output_nusd_per_mtok if price else None,
        price.cached_input_nusd_per_mtok if price else None,
        price.cache_write_nusd_per_mtok if price else None,
        price.source[:100] if price else "",
        cost,
    )
    return dict(zip(PRICE_COLUMNS, values, strict=True))


def _request_cost(recorded: int | None, before: Sequence[int | None], after: Sequence[int | None]) -> int | None:
    """As serving adds up: one attempt without a price makes the whole unknown. A sum that was known moves by what its attempts moved."""
    known_after = [cost for cost in after if cost is not None]
    if len(known_after) < len(after):
        return None
    known_before = [cost for cost in before if cost is not None]
    if recorded is None or len(known_before) < len(before):
        return sum(known_after)
    return recorded + sum(known_after) - sum(known_before)


def _count(found: Difference, attempt: AttemptRow, cost: int | None) -> None:
    day = datetime.fromtimestamp(attempt.at_ms / 1000, UTC).date().isoformat()
    sums = found.days.setdefault(day, DaySums())
    sums.attempts += 1
    sums.changed += attempt.cost_nusd != cost
    sums.old_nusd += attempt.cost_nusd or 0
    sums.new_nusd += cost or 0
    sums.unpriced_before += attempt.cost_nusd is None
    sums.unpriced_after += cost is None


def _fact(shape: Any, row: AttemptRow | RoutedRequest) -> Any:
    """The row as the drainer wrote it: the columns of a fact."""
    return shape(**{name: getattr(row, name) for name in shape.__struct_fields__})
