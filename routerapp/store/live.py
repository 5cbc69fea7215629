"""Live state of one gateway worker: what the last minutes were like. In process, exact for this worker, never awaited.

Only the event loop's thread changes it. Decisions read it through view(), which shows each value once and keeps what it showed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from routerapp.engine.breaker import Breaker, BreakerSettings, on_result, state_at
from routerapp.engine.types import Effect, InFlight, LastServed, Live, LiveDeployment, ProbePermit, RoundRobinAdvance
from routerapp.store.last_served import ServedUnits
from routerapp.store.usage_windows import MINUTE_MS, minute_of

TTFT_DECAY_MS = 60_000
FORGET_TTFT_AFTER_MS = 600_000
SUCCESS_SAMPLES = 50

Value = TypeVar("Value")


@dataclass(slots=True)
class _Deployment:
    """The mutable record behind LiveDeployment. shown: what it was last shown as, good until then unless it changes before."""

    breaker: Breaker
    in_flight: int = 0
    probes: int = 0
    ttft_ms: float = 0.0
    ttft_at_ms: int = 0
    ttft_samples: int = 0
    success: float = 0.0
    success_samples: int = 0
    minute: int = 0
    minute_requests: int = 0
    minute_tokens: int = 0
    shown: LiveDeployment | None = None
    shown_from_ms: int = 0
    shown_until_ms: int = 0


class _Shown(Mapping[str, Value], Generic[Value]):
    """A mapping that builds a value at its first read and from then on shows the same one: one decision sees one instant."""

    def __init__(self, names: Mapping[str, Any], build: Callable[[str], Value]) -> None:
        self._names = names
        self._build = build
        self._seen: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        value: Value | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        value = self._seen.get(name)
        if value is None:
            if name not in self._names:
                return default
            value = self._seen[name] = self._build(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._names))

    def __len__(self) -> int:
        return len(self._names)


class LiveState:
    """In-flight, latency, success, breakers and round-robin weights per deployment."""

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._deployments: dict[str, _Deployment] = {}
        self._round_robin: dict[str, Mapping[str, int]] = {}
        self._requests_per_minute: dict[str, int] = {}
        self._tokens_per_minute: dict[str, int] = {}
        self._held: frozenset[str] = frozenset()
        # Of the counts in flight, those of other processes (store/shared); reports are of this one.
        self.others_in_flight: dict[str, int] = {}
        self._served_units = ServedUnits()

    def hold(self, cooldowns: Mapping[str, int], now_ms: int) -> None:
        """An operator's cooldowns (deployment -> until, ms) as the newest snapshot has them; one that is gone ends at once."""
        running = {slug: until for slug, until in cooldowns.items() if until > now_ms}
        for slug in self._held - running.keys():
            self._changing(slug).breaker = Breaker()
        for slug, until in running.items():
            self._changing(slug).breaker = Breaker(is_open=True, reopens_at_ms=until, openings=1)
        self._held = frozenset(running)

    def set_deployment_limits(
        self, requests_per_minute: Mapping[str, int | None], tokens_per_minute: Mapping[str, int | None]
    ) -> None:
        """Called when a snapshot is swapped in: deployment -> limit."""
        self._requests_per_minute = {slug: limit for slug, limit in requests_per_minute.items() if limit is not None}
        self._tokens_per_minute = {slug: limit for slug, limit in tokens_per_minute.items() if limit is not None}
        for slug in (*self._deployments, *self._requests_per_minute, *self._tokens_per_minute):
            self._changing(slug)

    def note_served(self, unit: str, deployment: str, prompt_tokens: int, now_ms: int) -> None:
        """This deployment answered the unit; its prompt cache may hold that many tokens of it."""
        self._served_units.note(unit, deployment, prompt_tokens, now_ms)

    def last_served(self, unit: str | None, now_ms: int) -> LastServed | None:
        """Where the unit was answered last; None when that is unknown, or too long ago for any rule."""
        return None if unit is None else self._served_units.find(unit, now_ms)

    def view(
        self,
        now_ms: int,
        *,
        budget_left_nusd: int | None = None,
        unit: str | None = None,
        tenant_unit: str | None = None,
    ) -> Live:
        """What a decision at now_ms may read. Costs the same for one deployment and for a thousand."""
        return Live(
            deployments=_Shown(self._deployments, lambda slug: self._live_deployment(slug, now_ms)),
            round_robin=_Shown(self._round_robin, self._round_robin.__getitem__),
            budget_left_nusd=budget_left_nusd,
            last_served=self.last_served(unit, now_ms),
            tenant_last_served=self.last_served(tenant_unit, now_ms),
        )

    def apply(self, effects: Iterable[Effect]) -> None:
        """Make a decision's effects true; call before the next await."""
        for effect in effects:
            match effect:
                case RoundRobinAdvance(state_key, weights):
                    self._round_robin[state_key] = dict(weights)
                case ProbePermit(slug):
                    self._changing(slug).probes += 1
                case InFlight(slug):
                    self._changing(slug).in_flight += 1

    def release(self, effects: Iterable[Effect]) -> None:
        """Give back the counts of a decision whose primary was never started."""
        for effect in effects:
            match effect:
                case ProbePermit(slug):
                    self._end_probe(self._changing(slug))
                case InFlight(slug):
                    self._end_flight(self._changing(slug))

    def attempt_started(
        self, deployment: str, now_ms: int, *, is_counted: bool = False, is_probe: bool = False, tokens: int = 0
    ) -> None:
        """is_counted: the decision's effects have already counted this attempt (and its probe), as for the primary's first one.

        is_probe: a half-open deployment is tried outside the effects, as by a fallback. tokens: estimated, of the prompt.
        """
        state = self._changing(deployment)
        if not is_counted:
            state.in_flight += 1
            state.probes += is_probe
        _enter_minute(state, now_ms)
        state.minute_requests += 1
        state.minute_tokens += tokens

    def attempt_ended(
        self,
        deployment: str,
        now_ms: int,
        *,
        ok: bool | None,
        ttft_ms: float | None = None,
        is_live: bool = True,
        is_probe: bool = False,
        retry_after_ms: int | None = None,
        tokens: int = 0,
    ) -> None:
        """ok None says nothing about the deployment (the caller left, the request was bad). is_live: origin live; others leave no mark.

        tokens: of the answer; they count in the minute in which it ends.
        """
        state = self._changing(deployment)
        self._end_flight(state)
        _enter_minute(state, now_ms)
        state.minute_tokens += tokens
        if is_probe:
            self._end_probe(state)
        if not is_live or ok is None:
            return
        if ok and ttft_ms is not None:
            _observe_ttft(state, ttft_ms, now_ms)
        state.success_samples += 1
        state.success += (float(ok) - state.success) / min(state.success_samples, SUCCESS_SAMPLES)
        state.breaker = on_result(state.breaker, ok, now_ms, self._settings, retry_after_ms)

    def requests_this_minute(self, deployment: str, now_ms: int) -> int:
        state = self._deployments.get(deployment)
        if state is None or minute_of(now_ms, at_least=state.minute) != state.minute:
            return 0
        return state.minute_requests

    def tokens_this_minute(self, deployment: str, now_ms: int) -> int:
        state = self._deployments.get(deployment)
        if state is None or minute_of(now_ms, at_least=state.minute) != state.minute:
            return 0
        return state.minute_tokens

    @property
    def shareable(self) -> tuple[Mapping[str, _Deployment], dict[str, Mapping[str, int]], ServedUnits]:
        """The records themselves, for the exchange with other processes: deployments, round robin, units served."""
        return self._deployments, self._round_robin, self._served_units

    def touch(self, slug: str) -> _Deployment:
        """One record, that is about to be changed by what other processes say."""
        return self._changing(slug)

    def report(self, now_ms: int) -> dict[str, dict[str, Any]]:
        """Every deployment as plain values, for the heartbeat and /metrics."""
        rows = {slug: msgspec.structs.asdict(self._live_deployment(slug, now_ms)) for slug in tuple(self._deployments)}
        for slug, n in self.others_in_flight.items():
            rows[slug]["in_flight"] = max(0, rows[slug]["in_flight"] - n)
        return rows

    def _changing(self, slug: str) -> _Deployment:
        """The record, which the caller is about to change."""
        state = self._deployments.get(slug)
        if state is None:
            state = self._deployments[slug] = _Deployment(Breaker())
        state.shown = None
        return state

    def _live_deployment(self, slug: str, now_ms: int) -> LiveDeployment:
        state = self._deployments[slug]
        if (shown := state.shown) is not None and state.shown_from_ms <= now_ms < state.shown_until_ms:
            return shown
        shown = state.shown = self._look(slug, state, now_ms)
        state.shown_from_ms = now_ms
        # What changes with time alone: the minute that is counted, a latency that is forgotten, a breaker that reopens.
        until = (now_ms // MINUTE_MS + 1) * MINUTE_MS
        if shown.ttft_samples:
            until = min(until, state.ttft_at_ms + FORGET_TTFT_AFTER_MS)
        state.shown_until_ms = now_ms if state.breaker.is_open else until
        return shown

    def _look(self, slug: str, state: _Deployment, now_ms: int) -> LiveDeployment:
        breaker, reopens_at_ms = state_at(state.breaker, now_ms)
        has_ttft = state.ttft_samples > 0 and now_ms - state.ttft_at_ms < FORGET_TTFT_AFTER_MS
        limit, token_limit = self._requests_per_minute.get(slug), self._tokens_per_minute.get(slug)
        return LiveDeployment(
            in_flight=state.in_flight,
            ttft_ewma_ms=state.ttft_ms if has_ttft else None,
            ttft_samples=state.ttft_samples if has_ttft else 0,
            success_ewma=state.success if state.success_samples else None,
            success_samples=state.success_samples,
            breaker=breaker,
            reopens_at_ms=reopens_at_ms,
            probes_in_flight=state.probes,
            requests_left=None if limit is None else max(0, limit - self.requests_this_minute(slug, now_ms)),
            tokens_left=None if token_limit is None else max(0, token_limit - self.tokens_this_minute(slug, now_ms)),
        )

    @staticmethod
    def _end_flight(state: _Deployment) -> None:
        state.in_flight = max(0, state.in_flight - 1)

    @staticmethod
    def _end_probe(state: _Deployment) -> None:
        state.probes = max(0, state.probes - 1)


def _enter_minute(state: _Deployment, now_ms: int) -> None:
    minute = minute_of(now_ms, at_least=state.minute)
    if minute != state.minute:
        state.minute, state.minute_requests, state.minute_tokens = minute, 0, 0


def _observe_ttft(state: _Deployment, ttft_ms: float, now_ms: int) -> None:
    """Peak-EWMA (Finagle): a slower answer counts at once and in full, faster ones win back trust as time passes."""
    age_ms = max(0, now_ms - state.ttft_at_ms)
    if state.ttft_samples == 0 or age_ms >= FORGET_TTFT_AFTER_MS:
        state.ttft_ms, state.ttft_samples = ttft_ms, 0
    elif ttft_ms >= state.ttft_ms:
        state.ttft_ms = ttft_ms
    else:
        keep = math.exp(-age_ms / TTFT_DECAY_MS)
        state.ttft_ms = state.ttft_ms * keep + ttft_ms * (1 - keep)
    state.ttft_samples += 1
    state.ttft_at_ms = now_ms
