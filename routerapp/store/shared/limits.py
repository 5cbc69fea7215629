"""CallerLimits of one process among several: it admits from its slices, and says what to ask the shared books for.

Nothing here waits. cover() of SharedState asks first where lacks() says that a slice does not suffice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from routerapp.engine.allowances import USER_PREFIX, Subject
from routerapp.engine.types import AllowanceFacts
from routerapp.store.limits import DAILY, MONTHLY, MOST_IDLE_USERS, Allowed, CallerLimits, Grant, Shortage, renews_at_ms
from routerapp.store.shared.slices import (
    AT_ONCE,
    DAY,
    EXPIRY_MS,
    KINDS,
    LIMITS,
    MONTH,
    REQUESTS,
    TOKENS,
    Slice,
    book_name,
    spent_of,
    used_of,
)
from routerapp.store.shared.wire import BookEntry
from routerapp.store.usage_windows import Moment, Usage, moment_at

ALONE = "limits:local"
MOST_ENTRIES = 400
MOST_LOOKED_AT = 20
# A refusal of the shared books this fresh is not asked for again.
FRESH_MS = 100


@dataclass(frozen=True, slots=True)
class Lack:
    slice: Slice
    limit: int
    wanted: int
    has_no_hope: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One entry of an exchange, to be recognised in its answer."""

    slice: Slice
    limit: int
    window: int
    entry: BookEntry


class SharedLimits(CallerLimits):
    def __init__(self) -> None:
        super().__init__()
        self.is_alone = True
        self.processes = 1
        # Subject -> spend of the day and month from rows, before anything was shared; and of which day and month.
        self.restored: dict[str, tuple[int, int]] = {}
        self._restored_of = Moment(0, 0, 0)
        self._slices: dict[str, Slice] = {}
        self._touched: dict[str, Slice] = {}
        self._round: Iterator[str] = iter(())
        self._epoch = 0
        self.notes = (ALONE,)

    def go_alone(self) -> None:
        self.is_alone, self.notes = True, (ALONE,)
        self._epoch += 1

    def ask_again(self, processes: int) -> None:
        self.processes = max(1, processes)
        if self.is_alone:
            self.is_alone, self.notes = False, ()
            self._epoch += 1

    def touch_all(self) -> None:
        """The shared books may have lost what this process told them."""
        self._touched.update(self._slices)

    # What requests do.

    def admit(self, subjects: Sequence[tuple[str, Allowed]], now_ms: int) -> Grant | Shortage:
        moment = self.moment(now_ms)
        slices = [(name, self._slice(name, facts, moment)) for name, facts in subjects]
        found = super().admit(slices, now_ms)
        if isinstance(found, Shortage):
            return self._true(found, moment)
        for name, one in slices:
            one.note_taken(REQUESTS, 1, now_ms)
            one.note_taken(AT_ONCE, 1, now_ms)
            self._touched[name] = one
        return found

    def hold(self, grant: Grant, nusd: int, tokens: int, now_ms: int) -> Shortage | None:
        before, tokens_before = grant.nusd, grant.tokens
        shortage = super().hold(grant, nusd, tokens, now_ms)
        if shortage is None:
            for name, _, one in grant.subjects:
                if isinstance(one, Slice):
                    one.note_taken(DAY, grant.nusd - before, now_ms)
                    one.note_taken(MONTH, grant.nusd - before, now_ms)
                    one.note_taken(TOKENS, max(0, grant.tokens - tokens_before), now_ms)
                    self._touched[name] = one
        return shortage

    def shortage(self, grant: Grant, nusd: int, tokens: int, now_ms: int) -> Shortage | None:
        moment = self.moment(now_ms)
        for _, _, one in grant.subjects:
            if isinstance(one, Slice):
                self._refresh(one, moment)
        found = super().shortage(grant, nusd, tokens, now_ms)
        return None if found is None else self._true(found, moment)

    def book(self, names: Iterable[str], nusd: int, tokens: int, begun: Moment, grant: Grant | None) -> None:
        names = tuple(names)
        super().book(names, nusd, tokens, begun, grant)
        for name in names:
            if (one := self._slices.get(name)) is not None:
                self._touched[name] = one

    def release(self, grant: Grant) -> None:
        super().release(grant)
        for name, _, one in grant.subjects:
            if isinstance(one, Slice):
                self._touched[name] = one

    def restore(self, spent: Mapping[str, tuple[int, int]], at_ms: int) -> None:
        """Not booked here: the shared books know, or are told (floors)."""
        self._restored_of = moment_at(at_ms)
        self.restored.update(spent)
        for name, amounts in spent.items():
            if (one := self._slices.get(name)) is not None:
                one.restored = amounts

    # What is said of them.

    def spend_left(self, subjects: Sequence[Subject], now_ms: int) -> int | None:
        moment = self.moment(now_ms)
        left: int | None = None
        for name, facts in subjects:
            one, usage = self._slice(name, facts, moment), self._usage(name, moment)
            for i in (DAY, MONTH):
                if one.limits[i] is not None:
                    left = one.left(i, usage) if left is None else min(left, one.left(i, usage))
        return left

    def tightest_budget(self, subjects: Sequence[Subject], wanted: int, now_ms: int) -> Shortage | None:
        moment = self.moment(now_ms)
        found: tuple[int, Shortage] | None = None
        for name, facts in subjects:
            one, usage = self._slice(name, facts, moment), self._usage(name, moment)
            for i, limit in ((DAY, DAILY), (MONTH, MONTHLY)):
                allowed = one.limits[i]
                if allowed is not None and (found is None or one.left(i, usage) < found[0]):
                    left = one.left(i, usage)
                    found = left, Shortage(name, limit, allowed, allowed - left, wanted, renews_at_ms(limit, moment))
        return found[1] if found else None

    def minute_left(self, subjects: Sequence[Subject], limit: str, now_ms: int) -> tuple[int, int] | None:
        moment, i = self.moment(now_ms), LIMITS.index(limit)
        found: tuple[int, int] | None = None
        for name, facts in subjects:
            one = self._slice(name, facts, moment)
            allowed = one.limits[i]
            if allowed is not None:
                left = min(allowed, one.left(i, self._usage(name, moment)))
                if found is None or left < found[1]:
                    found = allowed, left
        return found

    # What is asked for.

    def lacks(self, subjects: Sequence[Subject], now_ms: int) -> list[Lack]:
        """Which slices do not let one more request in."""
        moment = self.moment(now_ms)
        found: list[Lack] = []
        for name, facts in subjects:
            one, usage = self._slice(name, facts, moment), self._usage(name, moment)
            for i in (REQUESTS, AT_ONCE):
                self._lack(found, one, usage, i, 1, now_ms)
        return found

    def lacks_for(self, grant: Grant, nusd: int, tokens: int, now_ms: int) -> list[Lack]:
        """Which slices do not let the grant hold so much."""
        moment = self.moment(now_ms)
        more_tokens = tokens - (grant.tokens if grant.token_minute == moment.minute else 0)
        found: list[Lack] = []
        for _, usage, one in grant.subjects:
            if isinstance(one, Slice):
                self._refresh(one, moment)
                usage.roll(moment)
                self._lack(found, one, usage, TOKENS, more_tokens, now_ms)
                if grant.begun.day == usage.day:
                    self._lack(found, one, usage, DAY, nusd - grant.nusd, now_ms)
                if grant.begun.month == usage.month:
                    self._lack(found, one, usage, MONTH, nusd - grant.nusd, now_ms)
        return found

    @staticmethod
    def _lack(found: list[Lack], one: Slice, usage: Usage, i: int, wanted: int, now_ms: int) -> None:
        cap = one.cap(i)
        if wanted <= 0 or cap is None or used_of(usage, i) + wanted <= cap:
            return
        is_fresh = now_ms - one.seen_at_ms[i] < FRESH_MS
        found.append(Lack(one, i, wanted, is_fresh and one.left(i, usage) < wanted))

    def need(self, lacks: Sequence[Lack]) -> None:
        """Somebody waits for this; counts until it is settled."""
        for lack in lacks:
            lack.slice.needs[lack.limit] += lack.wanted
            self._touched[lack.slice.name] = lack.slice

    def settled(self, lacks: Sequence[Lack]) -> None:
        """Whoever waited goes on now, and takes before anything else can happen."""
        for lack in lacks:
            lack.slice.needs[lack.limit] -= lack.wanted
            self._touched[lack.slice.name] = lack.slice

    # What an exchange carries.

    def collect(self, seconds: float, now_ms: int) -> list[Asked]:
        """For every slice that was used or needs something. What is more than it wants is given back at once."""
        moment = self.moment(now_ms)
        self._forget_users()
        self._look_around()
        asked: list[Asked] = []
        for name, one in tuple(islice(self._touched.items(), MOST_ENTRIES)):
            del self._touched[name]
            self._refresh(one, moment)
            usage = self._usage(name, moment)
            for i, limit in enumerate(one.limits):
                if limit is None:
                    continue
                used = used_of(usage, i)
                target = one.target(i, used, seconds, now_ms)
                if not self.is_alone and target < one.granted[i]:
                    one.granted[i] = target
                asked.append(Asked(one, i, one.window[i], _entry(one, i, limit, usage, target)))
        return asked

    def granted(self, asked: Sequence[Asked], grants: Sequence[tuple[int, int, int]], now_ms: int) -> None:
        moment = self.moment(now_ms)
        for ask, (granted, free, gone) in zip(asked, grants, strict=True):
            one, i = ask.slice, ask.limit
            if one.window[i] != ask.window:
                continue
            one.granted[i], one.free[i], one.gone[i] = granted, free, gone
            one.acknowledged[i] = ask.entry[6]
            one.seen_at_ms[i] = now_ms
            if granted > used_of(self._usage(one.name, moment), i):
                self._touched[one.name] = one

    def not_granted(self, asked: Sequence[Asked]) -> None:
        """Nobody answered: it is told next time."""
        for ask in asked:
            self._touched[ask.slice.name] = ask.slice

    def parting(self, now_ms: int) -> list[Asked]:
        """What every slice has used, to be left behind."""
        self.touch_all()
        moment = self.moment(now_ms)
        asked = []
        for name, one in self._touched.items():
            self._refresh(one, moment)
            usage = self._usage(name, moment)
            asked += [
                Asked(one, i, one.window[i], _entry(one, i, limit, usage, used_of(usage, i)))
                for i, limit in enumerate(one.limits)
                if limit is not None
            ]
        self._touched.clear()
        return asked

    def floors(
        self, spent: Mapping[str, tuple[int, int]], at_ms: int, names: Iterable[str]
    ) -> list[tuple[str, int, int]]:
        """For the books of these subjects: what rows know to be spent on the day and in the month of at_ms."""
        then = moment_at(at_ms)
        found = []
        for name in names:
            for i, window, nusd in zip((DAY, MONTH), (then.day, then.month), spent.get(name, (0, 0)), strict=True):
                if nusd > 0:
                    found.append((book_name(name, i, window), nusd, EXPIRY_MS[i]))
        return found

    def subjects_with_users(self) -> list[str]:
        return [name for name in self._slices if name.startswith(USER_PREFIX)]

    def _slice(self, name: str, facts: Allowed, moment: Moment) -> Slice:
        one = self._slices.get(name)
        assert isinstance(facts, AllowanceFacts)
        if one is None:
            is_now = self._restored_of.day == moment.day
            day, month = self.restored.get(name, (0, 0))
            if self._restored_of.month != moment.month:
                month = 0
            one = self._slices[name] = Slice(name, facts, (day if is_now else 0, month))
        elif one.allowance is not facts:
            one.allow(facts)
        self._refresh(one, moment)
        return one

    def _refresh(self, one: Slice, moment: Moment) -> None:
        one.roll(moment)
        if one.epoch != self._epoch:
            one.epoch = self._epoch
            if self.is_alone:
                one.go_alone(self.processes)
            else:
                one.ask_again()

    def _true(self, shortage: Shortage, moment: Moment) -> Shortage:
        """In terms of the whole limit, not of our slice."""
        one = self._slices[shortage.subject]
        i = LIMITS.index(shortage.limit)
        allowed = one.limits[i] or 0
        used = max(0, allowed - one.left(i, self._usage(shortage.subject, moment)))
        return replace(shortage, allowed=allowed, used=used)

    def _look_around(self) -> None:
        """A few of those that are not in use, in turn: what is left of their limits is what this process goes on with if it must."""
        names = tuple(islice(self._round, MOST_LOOKED_AT))
        if not names:
            self._round = iter(tuple(self._slices))
        for name in names:
            if (one := self._slices.get(name)) is not None:
                self._touched[name] = one

    def _forget_users(self) -> None:
        """Slices of users whose books are forgotten go with them."""
        if len(self._slices) < 2 * MOST_IDLE_USERS:
            return
        for name in self.subjects_with_users():
            if name not in self._users:
                del self._slices[name]


def _entry(one: Slice, i: int, limit: int, usage: Usage, target: int) -> BookEntry:
    used = used_of(usage, i)
    return (
        book_name(one.name, i, one.window[i]),
        KINDS[i],
        limit,
        used,
        target,
        one.needs[i],
        spent_of(usage, i),
        one.gone[i],
        one.acknowledged[i],
        EXPIRY_MS[i],
    )
