"""Money spent before this worker started, in the database or not yet: what it must still count against limits of the day and the month."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from django.db.models import Q, Sum

from routerapp.engine.allowances import KEY_PREFIX, TEAM_PREFIX, USER_PREFIX, subject_names
from routerapp.models import Granularity, Origin, RoutedRequest, SpoolOffset
from routerapp.store.caller_spend import priced_parts, spent_by_callers
from routerapp.store.one_moment import one_moment
from routerapp.store.rollups import period_start
from routerapp.store.spool import BootFolder, Position, boot_folders
from routerapp.store.usage_windows import month_starts_ms

IDS_PER_QUERY = 500
NEVER_MS = 2**62
# Subject -> nano-dollars of this UTC day and of this UTC month.
Spend = dict[str, tuple[int, int]]
_COLUMNS = {"key": KEY_PREFIX, "team": TEAM_PREFIX, "user_hash": USER_PREFIX}


def spend_of_callers(spool_folder: Path, now_ms: int, using: str = "default") -> Spend:
    """Of keys and teams, up to now, from rollups: for a worker that has served nothing yet. Raises DatabaseError.

    The spool is read first; then the sums and the ids they contain in one transaction, so that nothing counts twice or never while
    a drainer works.
    """
    undrained = _Undrained(spool_folder, now_ms, NEVER_MS, using)
    with one_moment(using):
        spent = spent_by_callers(now_ms, using)
        undrained.forget_drained(using)
    days = {name: one.day_nusd for name, one in spent.items()}
    months = {name: one.month_nusd for name, one in spent.items()}
    return undrained.added_to(days, months, (KEY_PREFIX, TEAM_PREFIX))


def spend_of_rows(
    spool_folder: Path, now_ms: int, before_ms: int, columns: tuple[str, ...], using: str = "default"
) -> Spend:
    """Of requests begun before before_ms, by columns of routed_request (key, team, user_hash): also exact while this worker serves.

    Rollups do not know users, and cannot be cut at an instant. Reads every row of the month.
    """
    undrained = _Undrained(spool_folder, now_ms, before_ms, using)
    days: Counter[str] = Counter()
    months: Counter[str] = Counter()
    with one_moment(using):
        for column in columns:
            for name, day_nusd, month_nusd in _row_sums(column, now_ms, before_ms, using):
                days[_COLUMNS[column] + name] += day_nusd
                months[_COLUMNS[column] + name] += month_nusd
        day_ms = period_start(now_ms, Granularity.DAY)
        for part in priced_parts(month_starts_ms(now_ms), using, at_ms__lt=before_ms):
            for column in columns:
                if name := getattr(part, column):
                    days[_COLUMNS[column] + name] += part.nusd if part.at_ms >= day_ms else 0
                    months[_COLUMNS[column] + name] += part.nusd
        undrained.forget_drained(using)
    return undrained.added_to(days, months, tuple(_COLUMNS[column] for column in columns))


class _Begun(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="begin"):
    """What this needs of a begin: a journal of hours is read without its decisions."""

    id: str
    at_ms: int
    origin: str
    key: str = ""
    team: str = ""
    user_hash: str = ""


class _Paid(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="attempt"):
    id: str
    cost_nusd: int | None = None


class _Ended(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="end"):
    id: str


class _Judged(msgspec.Struct, frozen=True, gc=False, tag_field="record", tag="feedback"):
    id: str


_decoder: msgspec.msgpack.Decoder[_Begun | _Paid | _Ended | _Judged] = msgspec.msgpack.Decoder(
    _Begun | _Paid | _Ended | _Judged
)


class _Undrained:
    """Requests of this month in the spool, begun before before_ms: who they belong to and what their finished attempts cost."""

    def __init__(self, spool_folder: Path, now_ms: int, before_ms: int, using: str) -> None:
        self._day_ms = period_start(now_ms, Granularity.DAY)
        self._begins: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._costs: Counter[str] = Counter()
        month_ms = month_starts_ms(now_ms)
        # A hundred thousand requests belong to few callers: they share one tuple of names.
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        for record in _records(spool_folder, using):
            if isinstance(record, _Begun):
                if record.origin != Origin.SAMPLE and month_ms <= record.at_ms < before_ms:
                    names = subject_names(record.key, record.team, record.user_hash)
                    self._begins[record.id] = (record.at_ms, shared.setdefault(names, names))
            elif isinstance(record, _Paid):
                if record.cost_nusd and record.id in self._begins:
                    self._costs[record.id] += record.cost_nusd
            elif isinstance(record, _Ended) and record.id not in self._costs:
                self._begins.pop(record.id, None)

    def forget_drained(self, using: str) -> None:
        """Those whose rows are there are in the sums already; call in the transaction that reads the sums."""
        ids = list(self._costs)
        rows = RoutedRequest.objects.using(using)
        for start in range(0, len(ids), IDS_PER_QUERY):
            for found in rows.filter(id__in=ids[start : start + IDS_PER_QUERY]).values_list("id", flat=True):
                del self._costs[found]

    def added_to(self, days: Mapping[str, int], months: Mapping[str, int], prefixes: tuple[str, ...]) -> Spend:
        today, month = Counter(days), Counter(months)
        for request_id, nusd in self._costs.items():
            at_ms, names = self._begins[request_id]
            for name in names:
                if name.startswith(prefixes):
                    month[name] += nusd
                    today[name] += nusd if at_ms >= self._day_ms else 0
        return {name: (today[name], month[name]) for name in month.keys() | today.keys() if month[name] or today[name]}


def _row_sums(column: str, now_ms: int, before_ms: int, using: str) -> list[tuple[str, int, int]]:
    """(name, nano-dollars of the day, of the month)."""
    day_ms = period_start(now_ms, Granularity.DAY)
    rows = (
        RoutedRequest.objects.using(using)
        .filter(at_ms__gte=month_starts_ms(now_ms), at_ms__lt=before_ms, cost_nusd__gt=0)
        .exclude(origin=Origin.SAMPLE)
        .exclude(**{column: ""})
        .order_by()
        .values_list(column)
        .annotate(day=Sum("cost_nusd", filter=Q(at_ms__gte=day_ms)), month=Sum("cost_nusd"))
    )
    return [(name, day or 0, month) for name, day, month in rows]


def _records(spool_folder: Path, using: str) -> Iterator[_Begun | _Paid | _Ended | _Judged]:
    offsets = {row.spool: Position(row.segment, row.offset) for row in SpoolOffset.objects.using(using).all()}
    for folder in boot_folders(spool_folder):
        reader = BootFolder(folder, offsets.get(folder.name, Position()))
        while pieces := reader.read(is_dead=False):
            for piece in pieces:
                if piece.payload is not None:
                    with contextlib.suppress(msgspec.DecodeError, ValueError):
                        yield _decoder.decode(piece.payload)
