"""Money spent before this worker started, in the database or not yet: what it must still count against limits of the day and the month."""

from __future__ import annotations

import contextlib
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

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
DAY_MS = 86_400_000
# Of one attempt; what is recorded beyond it is an error, and must not break the sums.
MOST_NUSD = 2**56
MOST_SHARED = 50_000
Caller = tuple[tuple[str, ...], int]
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
    undrained = UndrainedSpend(spool_folder, using, before_ms, tuple(_COLUMNS[column] for column in columns))
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
    return undrained.added_to(days, months, now_ms)


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

    before_ms: requests begun from then on do not count. prefixes: of the subjects asked about. pause_seconds: rest after each mebibyte,
    for a process that serves meanwhile.
    """

    def __init__(
        self,
        spool_folder: Path,
        using: str = "default",
        before_ms: int = NEVER_MS,
        prefixes: tuple[str, ...] = (KEY_PREFIX, TEAM_PREFIX),
        pause_seconds: float = 0.0,
    ) -> None:
        self._spool = spool_folder
        self._using = using
        self._before_ms = before_ms
        self._pause_seconds = pause_seconds
        self._boots: dict[str, _Boot] = {}
        self._prefixes = prefixes
        # A hundred thousand requests belong to few callers: they share what says so.
        self._shared: dict[Caller, Caller] = {}

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
        return self.added_to(days, months, now_ms)

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
        for name, boot in self._boots.items():
            boot.forget_before(drained.get(name, Position()))
            boot.forget_found(self._with_rows)

    def _with_rows(self, some: Sequence[str]) -> set[str]:
        rows = RoutedRequest.objects.using(self._using)
        return set(rows.filter(id__in=some).values_list("id", flat=True))

    def added_to(self, days: Mapping[str, int], months: Mapping[str, int], now_ms: int) -> Spend:
        day_ms, month_ms = period_start(now_ms, Granularity.DAY), month_starts_ms(now_ms)
        today, month = Counter(days), Counter(months)
        for boot in self._boots.values():
            for (names, day), nusd in boot.sums.items():
                for name in names if day * DAY_MS >= month_ms else ():
                    month[name] += nusd
                    today[name] += nusd if day * DAY_MS >= day_ms else 0
        return {name: (today[name], month[name]) for name in month.keys() | today.keys() if month[name] or today[name]}

    def _take(self, boot: _Boot, at: Position, record: _Begun | _Paid | _Ended | _Judged, month_ms: int) -> None:
        if isinstance(record, _Begun):
            if record.origin != Origin.SAMPLE and month_ms <= record.at_ms < self._before_ms:
                boot.begun[record.id] = _Request(self._caller_of(record), at)
        elif isinstance(record, _Paid):
            if record.cost_nusd:
                boot.pay(record.id, min(record.cost_nusd, MOST_NUSD))
        elif isinstance(record, _Ended):
            boot.end(record.id)

    def _caller_of(self, record: _Begun) -> Caller:
        names = subject_names(record.key, record.team, record.user_hash)
        caller = tuple(name for name in names if name.startswith(self._prefixes)), record.at_ms // DAY_MS
        if len(self._shared) > MOST_SHARED:
            self._shared.clear()
        return self._shared.setdefault(caller, caller)

    def _drained(self) -> dict[str, Position]:
        rows = SpoolOffset.objects.using(self._using).all()
        return {row.spool: Position(row.segment, row.offset) for row in rows}


class _Request(NamedTuple):
    """caller: who pays, and on which day of the UTC calendar, from 1970."""

    caller: Caller
    place: Position


class _Page:
    """Ended requests that cost something, packed: after an outage of hours there are many. last: where the last of them begins."""

    __slots__ = ("callers", "costs", "ids", "last")

    def __init__(self, entries: Sequence[tuple[str, int, _Request]]) -> None:
        self.ids = "\n".join(request_id for request_id, _, _ in entries)
        self.costs = array("q", (nusd for _, nusd, _ in entries))
        self.callers = tuple(begun.caller for _, _, begun in entries)
        self.last = max(begun.place for _, _, begun in entries)


class _Boot:
    """Requests of one boot. begun: those that run; running: nano-dollars of those of them that have cost something; pages and newest:
    those that have ended, in that order; sums: nano-dollars of all, by caller."""

    def __init__(self, reader: BootFolder) -> None:
        self.reader = reader
        self.begun: dict[str, _Request] = {}
        self.running: dict[str, int] = {}
        self.pages: deque[_Page] = deque()
        self.newest: dict[str, tuple[int, _Request]] = {}
        self.sums: Counter[Caller] = Counter()

    def pay(self, request_id: str, nusd: int) -> None:
        if begun := self.begun.get(request_id):
            self.running[request_id] = self.running.get(request_id, 0) + nusd
            self.sums[begun.caller] += nusd

    def end(self, request_id: str) -> None:
        begun, nusd = self.begun.pop(request_id, None), self.running.pop(request_id, None)
        if begun is None or nusd is None:
            return
        self.newest[request_id] = nusd, begun
        if len(self.newest) >= IDS_PER_QUERY:
            self.pages.append(_Page([(one, *entry) for one, entry in self.newest.items()]))
            self.newest.clear()

    def forget_before(self, position: Position) -> None:
        """The drainer is done with all that begins before its position: in the database, or set aside as unreadable."""
        while self.pages and self.pages[0].last < position:
            page = self.pages.popleft()
            for caller, nusd in zip(page.callers, page.costs, strict=True):
                self._subtract(caller, nusd)
        for request_id in list(takewhile(lambda one: self.newest[one][1].place < position, self.newest)):
            self._forget_newest(request_id)

    def forget_found(self, with_rows: Callable[[Sequence[str]], set[str]]) -> None:
        """with_rows: which of these requests have rows. A boot is drained in the order in which its requests ended: behind some of which
        none is there, none is. Those that have not ended are closed by a drainer when their worker is gone."""
        running = list(self.running)
        for start in range(0, len(running), IDS_PER_QUERY):
            for request_id in with_rows(running[start : start + IDS_PER_QUERY]):
                self._subtract(self.begun.pop(request_id).caller, self.running.pop(request_id))
        is_there = True
        kept: list[_Page] = []
        try:
            while self.pages and is_there:
                page = self.pages[0]
                found = with_rows(page.ids.split("\n"))
                is_there = bool(found)
                self.pages.popleft()
                kept += self._left_of(page, found) if found else [page]
        finally:
            self.pages.extendleft(reversed(kept))
        some = list(self.newest) if is_there else []
        for start in range(0, len(some), IDS_PER_QUERY):
            for request_id in with_rows(some[start : start + IDS_PER_QUERY]):
                self._forget_newest(request_id)

    def _left_of(self, page: _Page, found: set[str]) -> list[_Page]:
        left = []
        for request_id, caller, nusd in zip(page.ids.split("\n"), page.callers, page.costs, strict=True):
            if request_id in found:
                self._subtract(caller, nusd)
            else:
                left.append((request_id, nusd, _Request(caller, page.last)))
        return [_Page(left)] if left else []

    def _forget_newest(self, request_id: str) -> None:
        nusd, begun = self.newest.pop(request_id)
        self._subtract(begun.caller, nusd)

    def _subtract(self, caller: Caller, nusd: int) -> None:
        self.sums[caller] -= nusd
        if not self.sums[caller]:
            del self.sums[caller]


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
