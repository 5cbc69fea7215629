"""What keys, teams and end users may still do: requests, tokens and parallel requests, money of the day and the month.

In process, exact for this worker: every method runs to its end on the event loop's thread, and takes from all subjects of a request
or from none. A clock that jumps back never opens a window a second time: time here only moves forward.

    grant = limits.admit(subjects, now_ms)           # one request and one place in flight, or a Shortage
    limits.hold(grant, nusd, tokens, now_ms)         # raises what is held to at least this, or a Shortage
    limits.book(names, nusd, tokens, begun, grant)   # an attempt has ended: what it used is spent, and no longer held
    limits.release(grant)                            # the request is over: what is left of the hold is given back
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from routerapp.engine.allowances import USER_PREFIX, Subject
from routerapp.engine.types import AllowanceFacts
from routerapp.store.usage_windows import DAY_MS, MINUTE_MS, Moment, Usage, moment_at, month_starts_ms

DAILY = "daily_spend_nusd"
MONTHLY = "monthly_spend_nusd"
# Users remembered beyond those who hold or have spent something that still counts.
MOST_IDLE_USERS = 50_000
# No request runs so long: what is held for longer belongs to one that vanished.
LONGEST_REQUEST_MS = 2 * 3_600_000
_LOOKED_AT_PER_DROP = 4


class Allowed(Protocol):
    """What one subject may do: an AllowanceFacts, or the part of one that several processes have given this one."""

    @property
    def requests_per_minute(self) -> int | None: ...
    @property
    def tokens_per_minute(self) -> int | None: ...
    @property
    def max_parallel(self) -> int | None: ...
    @property
    def daily_spend_nusd(self) -> int | None: ...
    @property
    def monthly_spend_nusd(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Shortage:
    """limit: the field of AllowanceFacts that has no room. used includes what is held; wanted is what the request asked for.

    renews_at_ms: when the window starts anew; None for what only the end of another request frees.
    """

    subject: str
    limit: str
    allowed: int
    used: int
    wanted: int
    renews_at_ms: int | None

    @property
    def can_ever_pass(self) -> bool:
        return self.wanted <= self.allowed


@dataclass(slots=True, eq=False)
class Grant:
    """What one request has taken. nusd and tokens are what is still held; they shrink as attempts end."""

    subjects: tuple[tuple[str, Usage, Allowed], ...]
    begun: Moment
    at_ms: int
    nusd: int = 0
    tokens: int = 0
    token_minute: int = 0
    is_open: bool = True


class CallerLimits:
    # What the answers say of limits that hold otherwise than usual.
    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._usages: dict[str, Usage] = {}
        self._users: OrderedDict[str, Usage] = OrderedDict()
        self._grants: dict[int, Grant] = {}
        self._moment = Moment(0, 0, 0)
        self._minute_ends_ms = 0
        self._latest_ms = 0
        self._keeps_users = False
        self._keeps_user_months = False

    def moment(self, now_ms: int) -> Moment:
        """The windows that now_ms falls into; never earlier ones than it fell into before."""
        if now_ms > self._latest_ms:
            self._latest_ms = now_ms
            if now_ms >= self._minute_ends_ms:
                self._moment = moment_at(now_ms)
                self._minute_ends_ms = (self._moment.minute + 1) * MINUTE_MS
        return self._moment

    def protect_users(self, users: Mapping[str, AllowanceFacts]) -> None:
        """Called when a snapshot is swapped in: whose spend must not be forgotten, and for how long."""
        self._keeps_users = bool(users)
        self._keeps_user_months = any(one.monthly_spend_nusd is not None for one in users.values())

    def admit(self, subjects: Sequence[tuple[str, Allowed]], now_ms: int) -> Grant | Shortage:
        """One request of this minute and one place in flight of every subject, or nothing of any."""
        moment = self.moment(now_ms)
        taken = tuple((name, self._usage(name, moment), allowance) for name, allowance in subjects)
        for name, usage, allowance in taken:
            most = allowance.requests_per_minute
            if most is not None and usage.requests >= most:
                return Shortage(name, "requests_per_minute", most, usage.requests, 1, self._minute_ends_ms)
            if allowance.max_parallel is not None and usage.in_flight >= allowance.max_parallel:
                return Shortage(name, "max_parallel", allowance.max_parallel, usage.in_flight, 1, None)
        for _, usage, _ in taken:
            usage.requests += 1
            usage.in_flight += 1
        grant = Grant(taken, moment, now_ms, token_minute=moment.minute)
        self._grants[id(grant)] = grant
        return grant

    def hold(self, grant: Grant, nusd: int, tokens: int, now_ms: int) -> Shortage | None:
        """Raise what the grant holds to at least nusd and tokens, for all its subjects or for none. None when it is held."""
        shortage = self.shortage(grant, nusd, tokens, now_ms)
        if shortage is not None:
            return shortage
        if not grant.is_open:
            self._reopen(grant, now_ms)
        minute = self._moment.minute
        more = max(0, nusd - grant.nusd)
        more_tokens = max(0, tokens - (grant.tokens if grant.token_minute == minute else 0))
        for _, usage, _ in grant.subjects:
            usage.add_held(more, grant.begun)
            usage.add_tokens(more_tokens, minute)
        grant.nusd += more
        if more_tokens:
            # What was held in a minute that is over went with it.
            grant.tokens = tokens
            grant.token_minute = minute
        return None

    def shortage(self, grant: Grant, nusd: int, tokens: int, now_ms: int) -> Shortage | None:
        """What stands in the way of holding this much; nothing changes."""
        moment = self.moment(now_ms)
        more = nusd - grant.nusd
        more_tokens = tokens - (grant.tokens if grant.token_minute == moment.minute else 0)
        for name, usage, allowance in grant.subjects:
            usage.roll(moment)
            if more > 0 and (short := _money_shortage(name, usage, allowance, grant.begun, more)) is not None:
                return short
            most = allowance.tokens_per_minute
            if more_tokens > 0 and most is not None and usage.tokens + more_tokens > most:
                return Shortage(name, "tokens_per_minute", most, usage.tokens, more_tokens, self._minute_ends_ms)
        return None

    def book(self, names: Iterable[str], nusd: int, tokens: int, begun: Moment, grant: Grant | None) -> None:
        """An attempt of a request begun in these windows has ended: spent by all names, out of the grant's hold as far as that goes."""
        moment = self._moment
        if nusd:
            for name in names:
                self._usage(name, moment).add_spent(nusd, begun)
        if grant is None:
            return
        given = min(nusd, grant.nusd)
        excess = tokens - min(tokens, grant.tokens)
        grant.nusd -= given
        grant.tokens -= tokens - excess
        for _, usage, _ in grant.subjects:
            usage.add_held(-given, begun)
            # More than was held, or held in a minute that is over: it counts where it is known.
            usage.add_tokens(excess, grant.token_minute)

    def release(self, grant: Grant) -> None:
        """The request is over. A second call changes nothing."""
        if not grant.is_open:
            return
        grant.is_open = False
        self._grants.pop(id(grant), None)
        for _, usage, _ in grant.subjects:
            usage.in_flight -= 1
            usage.add_held(-grant.nusd, grant.begun)
            usage.add_tokens(-grant.tokens, grant.token_minute)
        grant.nusd = grant.tokens = 0

    def sweep(self, now_ms: int) -> int:
        """Give back what requests hold that vanished without an end; returns how many there were."""
        swept = 0
        for grant in tuple(self._grants.values()):
            if now_ms - grant.at_ms < LONGEST_REQUEST_MS:
                break
            self.release(grant)
            swept += 1
        return swept

    def _reopen(self, grant: Grant, now_ms: int) -> None:
        """A clock that jumped forward made it look vanished, and yet it goes on."""
        grant.is_open, grant.at_ms = True, now_ms
        self._grants[id(grant)] = grant
        for _, usage, _ in grant.subjects:
            usage.in_flight += 1

    def spend_left(self, subjects: Sequence[Subject], now_ms: int) -> int | None:
        """The least any subject has left of its day or month, never below zero; None where none has such a limit."""
        left: int | None = None
        moment = self.moment(now_ms)
        for name, allowance in subjects:
            for _, allowed, used in _budgets(self._usage(name, moment), allowance):
                left = allowed - used if left is None else min(left, allowed - used)
        return None if left is None else max(0, left)

    def tightest_budget(self, subjects: Sequence[Subject], wanted: int, now_ms: int) -> Shortage | None:
        """The spend limit with the least left for a request that may cost `wanted`; None where none has such a limit."""
        moment = self.moment(now_ms)
        found = [
            (allowed - used, Shortage(name, limit, allowed, used, wanted, renews_at_ms(limit, moment)))
            for name, allowance in subjects
            for limit, allowed, used in _budgets(self._usage(name, moment), allowance)
        ]
        return min(found, key=lambda one: one[0])[1] if found else None

    def minute_left(self, subjects: Sequence[Subject], limit: str, now_ms: int) -> tuple[int, int] | None:
        """(allowed, left) of the subject with the least left of requests_per_minute or tokens_per_minute; None without such a limit."""
        moment = self.moment(now_ms)
        found: tuple[int, int] | None = None
        for name, allowance in subjects:
            allowed = getattr(allowance, limit)
            if allowed is None:
                continue
            usage = self._usage(name, moment)
            left = max(0, allowed - (usage.requests if limit == "requests_per_minute" else usage.tokens))
            if found is None or left < found[1]:
                found = (allowed, left)
        return found

    def ms_to_next_minute(self, now_ms: int) -> int:
        self.moment(now_ms)
        return self._minute_ends_ms - now_ms

    def restore(self, spent: Mapping[str, tuple[int, int]], at_ms: int) -> None:
        """Book what was spent before this worker started (undrained.spend_before): subject -> nusd of the day and month of at_ms."""
        then = moment_at(at_ms)
        moment = self.moment(at_ms)
        for name, (day_nusd, month_nusd) in spent.items():
            usage = self._usage(name, moment)
            usage.day_spent_nusd += day_nusd if usage.day == then.day else 0
            usage.month_spent_nusd += month_nusd if usage.month == then.month else 0

    def spent(self, now_ms: int) -> dict[str, tuple[int, int]]:
        """Of keys and teams: nusd of this day and month as this worker knows it."""
        moment = self.moment(now_ms)
        for usage in self._usages.values():
            usage.roll(moment)
        return {name: (usage.day_spent_nusd, usage.month_spent_nusd) for name, usage in self._usages.items()}

    def catch_up(self, truth: Mapping[str, tuple[int, int]], before: Mapping[str, tuple[int, int]], at_ms: int) -> None:
        """truth: what all workers have spent, read after `before` was taken at at_ms. What was booked here since then is added to it.

        That may count a request twice until the next time, and never for longer.
        """
        then, moment = moment_at(at_ms), self.moment(at_ms)
        for name in truth.keys() | before.keys():
            (day, month), (day_before, month_before) = truth.get(name, (0, 0)), before.get(name, (0, 0))
            usage = self._usage(name, moment)
            if usage.day == then.day:
                usage.day_spent_nusd += day - day_before
            if usage.month == then.month:
                usage.month_spent_nusd += month - month_before

    def usage_report(self, names: Iterable[str], now_ms: int) -> dict[str, dict[str, Any]]:
        """How these subjects stand, as plain values, for the heartbeat. What is unknown here is left out."""
        moment = self.moment(now_ms)
        found: dict[str, dict[str, Any]] = {}
        for name in names:
            usage = self._users.get(name) if name.startswith(USER_PREFIX) else self._usages.get(name)
            if usage is None:
                continue
            usage.roll(moment)
            found[name] = {
                "requests": usage.requests,
                "tokens": usage.tokens,
                "in_flight": usage.in_flight,
                "day_spent_nusd": usage.day_spent_nusd,
                "day_held_nusd": usage.day_held_nusd,
                "month_spent_nusd": usage.month_spent_nusd,
                "month_held_nusd": usage.month_held_nusd,
            }
        return found

    def _usage(self, name: str, moment: Moment) -> Usage:
        """The record of this name, with the windows that are over emptied."""
        if name.startswith(USER_PREFIX):
            usage = self._user(name, moment)
        else:
            found = self._usages.get(name)
            usage = found if found is not None else self._usages.setdefault(name, Usage())
        if usage.minute != moment.minute:
            usage.roll(moment)
        return usage

    def _user(self, name: str, moment: Moment) -> Usage:
        """The most recently seen user is last; the longest unseen go first, unless something of theirs still counts."""
        users = self._users
        usage = users.get(name)
        if usage is not None:
            users.move_to_end(name)
            return usage
        if len(users) >= MOST_IDLE_USERS:
            self._drop_idle_users(moment)
        usage = users[name] = Usage()
        return usage

    def _drop_idle_users(self, moment: Moment) -> None:
        for _ in range(_LOOKED_AT_PER_DROP):
            name, usage = self._users.popitem(last=False)
            usage.roll(moment)
            is_needed = usage.in_flight or self._keeps_users
            if is_needed and not usage.is_idle(moment, keeps_month=self._keeps_user_months):
                self._users[name] = usage


def _budgets(usage: Usage, allowance: Allowed) -> Iterator[tuple[str, int, int]]:
    """(limit, allowed, used and held)."""
    if allowance.daily_spend_nusd is not None:
        yield DAILY, allowance.daily_spend_nusd, usage.day_spent_nusd + usage.day_held_nusd
    if allowance.monthly_spend_nusd is not None:
        yield MONTHLY, allowance.monthly_spend_nusd, usage.month_spent_nusd + usage.month_held_nusd


def _money_shortage(name: str, usage: Usage, allowance: Allowed, begun: Moment, more: int) -> Shortage | None:
    """A day or month that is over has been closed: nothing more is held against it."""
    for limit, allowed, used in _budgets(usage, allowance):
        is_over = begun.day != usage.day if limit == DAILY else begun.month != usage.month
        if is_over or used + more > allowed:
            now = Moment(usage.minute, usage.day, usage.month)
            return Shortage(name, limit, allowed, used, more, renews_at_ms(limit, now))
    return None


def renews_at_ms(limit: str, moment: Moment) -> int:
    if limit == DAILY:
        return (moment.day + 1) * DAY_MS
    return month_starts_ms(month_starts_ms(moment.day * DAY_MS) + 32 * DAY_MS)
