"""Money spent before this worker started, in the database or not yet: what it must still count against limits of the day and the month."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec
from django.db.models import Q, QuerySet, Sum

from routerapp.engine.allowances import KEY_PREFIX, TEAM_PREFIX, USER_PREFIX, subject_names
from routerapp.models import Granularity, Origin, RoutedRequest, SpoolOffset
from routerapp.store.caller_spend import priced_parts, spent_by_callers
from routerapp.store.one_moment import one_moment
from routerapp.store.rollups import period_start
from routerapp.store.spool import BootFolder, Position, boot_folders
from routerapp.store.usage_windows import month_starts_ms

IDS_PER_QUERY = 500
NEVER_MS = 2**62
DAY_MS = 86_400_000
# Subject -> nano-dollars of this UTC day and of this UTC month.
Spend = dict[str, tuple[int, int]]
_COLUMNS = {"key": KEY_PREFIX, "team": TEAM_PREFIX, "user_hash": USER_PREFIX}


def spend_of_callers(spool_folder: Path, now_ms: int, using: str = "default") -> Spend:
    """Of keys and teams, up to now, from rollups: for a worker that has served nothing yet. Raises DatabaseError."""
    return UndrainedSpend(spool_folder, using).of_callers(now_ms)


def spend_of_rows(
    spool_folder: Path, now_ms: int, before_ms: int, columns: tuple[str, ...], using: str = "default"
) -> Spend:
    """Of requests begun before before_ms, by columns of routed_request (key, team, user_hash): also exact while this worker serves.

    Rollups do not know users, and cannot be cut at an instant. Reads every row of the month.
    """
    undrained = UndrainedSpend(spool_folder, using, before_ms)
    undrained.read_on(now_ms)
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
        undrained.forget_drained()
    return undrained.added_to(days, months, tuple(_COLUMNS[column] for column in columns), now_ms)


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


class UndrainedSpend:
    """Priced requests that are in the spool and not in the database yet. One that is kept reads only what is new at each look:
    a spool may hold hours. Not safe between threads; ask it on one at a time.

    before_ms: requests begun from then on do not count. pause_seconds: rest after each mebibyte, for a process that serves meanwhile.
    """

    def __init__(
        self, spool_folder: Path, using: str = "default", before_ms: int = NEVER_MS, pause_seconds: float = 0.0
    ) -> None:
        self._spool = spool_folder
        self._using = using
        self._before_ms = before_ms
        self._pause_seconds = pause_seconds
        self._boots: dict[str, _Boot] = {}
        # A hundred thousand requests belong to few callers: they share one tuple of names.
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def of_callers(self, now_ms: int) -> Spend:
        """Of keys and teams, drained or not, up to now. Raises DatabaseError.

        The spool is read first; then the sums and what they contain in one transaction, so that nothing counts twice or never while
        a drainer works.
        """
        self.read_on(now_ms)
        with one_moment(self._using):
            spent = spent_by_callers(now_ms, self._using)
            self.forget_drained()
        days = {name: one.day_nusd for name, one in spent.items()}
        months = {name: one.month_nusd for name, one in spent.items()}
        return self.added_to(days, months, (KEY_PREFIX, TEAM_PREFIX), now_ms)

    def read_on(self, now_ms: int) -> None:
        """What was written since the last time. Raises DatabaseError, and has read nothing then: an outage fills no memory."""
        drained = self._drained()
        month_ms = month_starts_ms(now_ms)
        present = boot_folders(self._spool)
        # Who is gone was in the database to its end before its folder went.
        for name in self._boots.keys() - {folder.name for folder in present}:
            del self._boots[name]
        for folder in present:
            boot = self._boots.get(folder.name)
            if boot is None:
                boot = self._boots[folder.name] = _Boot(BootFolder(folder, drained.get(folder.name, Position())))
            while pieces := boot.reader.read(is_dead=False):
                for piece in pieces:
                    if piece.payload is not None:
                        with contextlib.suppress(msgspec.DecodeError, ValueError):
                            self._take(boot, piece.at, _decoder.decode(piece.payload), month_ms)
                if self._pause_seconds:
                    time.sleep(self._pause_seconds)

    def forget_drained(self) -> None:
        """Those whose rows are there are in the sums already; call in the transaction that reads the sums."""
        drained = self._drained()
        rows = RoutedRequest.objects.using(self._using)
        for name, boot in self._boots.items():
            boot.forget_before(drained.get(name, Position()))
            running = list(boot.running)
            for start in range(0, len(running), IDS_PER_QUERY):
                self._forget(boot, rows, running[start : start + IDS_PER_QUERY])
            kept = 0
            # A boot is drained in the order in which its requests ended: behind some of which none is there, none is.
            while some := list(islice(boot.ended, kept, kept + IDS_PER_QUERY)):
                left = self._forget(boot, rows, some)
                if left == len(some):
                    break
                kept += left

    @staticmethod
    def _forget(boot: _Boot, rows: QuerySet[RoutedRequest], some: list[str]) -> int:
        """Those that have rows; returns how many have none."""
        found = set(rows.filter(id__in=some).values_list("id", flat=True))
        for request_id in found:
            boot.forget(request_id)
        return len(some) - len(found)

    def added_to(
        self, days: Mapping[str, int], months: Mapping[str, int], prefixes: tuple[str, ...], now_ms: int
    ) -> Spend:
        day_ms, month_ms = period_start(now_ms, Granularity.DAY), month_starts_ms(now_ms)
        today, month = Counter(days), Counter(months)
        for boot in self._boots.values():
            for (names, day), nusd in boot.sums.items():
                for name in names if day * DAY_MS >= month_ms else ():
                    if name.startswith(prefixes):
                        month[name] += nusd
                        today[name] += nusd if day * DAY_MS >= day_ms else 0
        return {name: (today[name], month[name]) for name in month.keys() | today.keys() if month[name] or today[name]}

    def _take(self, boot: _Boot, at: Position, record: _Begun | _Paid | _Ended | _Judged, month_ms: int) -> None:
        if isinstance(record, _Begun):
            if record.origin != Origin.SAMPLE and month_ms <= record.at_ms < self._before_ms:
                names = subject_names(record.key, record.team, record.user_hash)
                boot.begun[record.id] = _Request(record.at_ms // DAY_MS, self._names.setdefault(names, names), at)
        elif isinstance(record, _Paid):
            if record.cost_nusd and record.id in boot.begun:
                boot.pay(record.id, record.cost_nusd)
        elif isinstance(record, _Ended) and record.id in boot.begun:
            boot.end(record.id)

    def _drained(self) -> dict[str, Position]:
        rows = SpoolOffset.objects.using(self._using).all()
        return {row.spool: Position(row.segment, row.offset) for row in rows}


class _Request(NamedTuple):
    """day: of the UTC calendar, from 1970."""

    day: int
    names: tuple[str, ...]
    place: Position


class _Boot:
    """Requests of one boot. begun: with and without a price; running, ended: nano-dollars of those that have one, ended ones in the order
    in which they did; sums: of both, by caller and day."""

    def __init__(self, reader: BootFolder) -> None:
        self.reader = reader
        self.begun: dict[str, _Request] = {}
        self.running: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.sums: Counter[tuple[tuple[str, ...], int]] = Counter()

    def pay(self, request_id: str, nusd: int) -> None:
        costs = self.ended if request_id in self.ended else self.running
        costs[request_id] = costs.get(request_id, 0) + nusd
        begun = self.begun[request_id]
        self.sums[begun.names, begun.day] += nusd

    def end(self, request_id: str) -> None:
        nusd = self.running.pop(request_id, None)
        if nusd is not None:
            self.ended[request_id] = nusd
        elif request_id not in self.ended:
            del self.begun[request_id]

    def forget(self, request_id: str) -> None:
        begun = self.begun.pop(request_id)
        costs = self.ended if request_id in self.ended else self.running
        self.sums[begun.names, begun.day] -= costs.pop(request_id)

    def forget_before(self, position: Position) -> None:
        """The drainer is done with all that begins before its position: in the database, or set aside as unreadable."""
        for request_id in list(takewhile(lambda one: self.begun[one].place < position, self.ended)):
            self.forget(request_id)


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
