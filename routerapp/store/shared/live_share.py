"""This process's part of the live state, and everybody's put into it: decisions go on reading LiveState, which then holds the sum.

Compares the records with what was last told; nothing on the path of a request knows of it. What others run is added to in_flight and
probes here and taken away again when it ends, or when nobody can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from routerapp.engine.breaker import Breaker
from routerapp.engine.types import LastServed
from routerapp.store.live import SUCCESS_SAMPLES, LiveState
from routerapp.store.shared.wire import DeploymentPart, DeploymentState, Received

# In one exchange; the rest waits for the next.
MOST_TOLD = 400
MOST_RESULTS = 500
# So long one process alone may probe a half-open deployment, then the next.
PROBE_TURN_MS = 1_000
Turns = list[tuple[str, list[tuple[str, int]]]]


class Record(Protocol):
    """What LiveState keeps of a deployment, as far as it is shared."""

    breaker: Breaker
    in_flight: int
    probes: int
    ttft_ms: float
    ttft_at_ms: int
    ttft_samples: int
    success: float
    success_samples: int
    minute: int
    minute_requests: int
    minute_tokens: int


@dataclass(slots=True)
class _Mark:
    """What was last told and heard of a deployment. others_*: what of the record's counts is not ours."""

    others_in_flight: int = 0
    others_probes: int = 0
    minute: int = 0
    requests: int = 0
    tokens: int = 0
    ttft: float = 0.0
    ttft_n: int = 0
    success: float = 0.0
    success_n: int = 0
    is_open: bool = False
    reopens_at: int = 0
    version: int = 0


@dataclass(slots=True)
class _Before:
    """The record as it was when it was told."""

    minute: int
    requests: int
    tokens: int
    ttft_n: int
    success_n: int
    breaker: Breaker


@dataclass(slots=True)
class Told:
    in_flight: list[tuple[str, int, int]]
    deployments: list[DeploymentPart]
    turns: Turns
    units: list[tuple[str, str, int, int]]
    before: dict[str, _Before] = field(default_factory=dict)
    turns_before: dict[str, Mapping[str, int]] = field(default_factory=dict)


class LiveShare:
    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._deployments: Mapping[str, Record]
        self._deployments, self._turns, self._units = live.shareable
        self._units.untold = {}
        self._marks: dict[str, _Mark] = {}
        self._turns_told: dict[str, Mapping[str, int]] = {}
        self.cursors = (0, 0, 0)

    def tell(self) -> Told:
        told = Told([], [], [], self._untold_units())
        for slug, record in tuple(self._deployments.items()):
            mark = self._mark(slug)
            own = record.in_flight - mark.others_in_flight, record.probes - mark.others_probes
            if own != (0, 0):
                told.in_flight.append((slug, max(0, own[0]), max(0, own[1])))
            part = _part(slug, record, mark)
            if part is not None and len(told.deployments) < MOST_TOLD:
                told.deployments.append(part)
                told.before[slug] = _before(record)
        for key, weights in self._changed_turns():
            before = self._turns_told.get(key, {})
            told.turns.append(
                (key, [(slug, n - before.get(slug, 0)) for slug, n in weights.items() if n != before.get(slug, 0)])
            )
            told.turns_before[key] = weights
        return told

    def hear(self, told: Told, heard: Received) -> None:
        for slug, state in heard.deployments:
            _merge(self._live.touch(slug), self._mark(slug), state, told.before.get(slug))
        self._hear_in_flight(heard)
        self._turns_told.update(told.turns_before)
        for key, values in heard.turns:
            told_last = self._turns_told.get(key, {})
            ours = self._turns.get(key, {})
            shared = dict(values)
            # What was drawn since it was told comes on top.
            self._turns[key] = {
                slug: shared.get(slug, 0) + ours.get(slug, 0) - told_last.get(slug, 0) for slug in shared | dict(ours)
            }
            self._turns_told[key] = shared
        for unit, deployment, tokens, at_ms in heard.units:
            self._units.learn(unit, LastServed(deployment, tokens, at_ms))
        untold = self._units.untold
        for unit, *_, at_ms in told.units:
            if untold is not None and unit in untold and untold[unit].at_ms == at_ms:
                del untold[unit]
        self.cursors = heard.cursors

    def begin_anew(self) -> None:
        """Whom we told has forgotten everything: tell what we know, and count no turn or request twice."""
        self.cursors = (0, 0, 0)
        self._turns_told = dict(self._turns)
        for slug, record in self._deployments.items():
            mark = self._mark(slug)
            others = mark.others_in_flight, mark.others_probes
            self._marks[slug] = _Mark(*others, record.minute, record.minute_requests, record.minute_tokens)

    def forget_others(self) -> None:
        """Nobody can be asked: what others run is not known any more."""
        for slug in self._marks:
            self._set_others(slug, 0, 0)
        self._live.others_in_flight = {}

    def _hear_in_flight(self, heard: Received) -> None:
        others = {slug: (in_flight, probes) for slug, in_flight, probes in heard.in_flight}
        may_probe = heard.processes <= 1 or (heard.now_ms // PROBE_TURN_MS) % heard.processes == heard.place
        self._live.others_in_flight = {slug: n for slug, (n, _) in others.items()}
        for slug in {*self._deployments, *others}:
            in_flight, probes = others.get(slug, (0, 0))
            known = self._deployments.get(slug)
            if known is not None and known.breaker.is_open and not may_probe:
                probes += 1
            self._set_others(slug, in_flight, probes)

    def _changed_turns(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        changed = ((key, now) for key, now in self._turns.items() if self._turns_told.get(key) != now)
        return iter(list(islice(changed, MOST_TOLD)))

    def _untold_units(self) -> list[tuple[str, str, int, int]]:
        untold = self._units.untold or {}
        return [(unit, one.deployment, one.prompt_tokens, one.at_ms) for unit, one in islice(untold.items(), MOST_TOLD)]

    def _set_others(self, slug: str, in_flight: int, probes: int) -> None:
        mark = self._mark(slug)
        if (in_flight, probes) == (mark.others_in_flight, mark.others_probes):
            return
        record: Record = self._live.touch(slug)
        record.in_flight = max(0, record.in_flight + in_flight - mark.others_in_flight)
        record.probes = max(0, record.probes + probes - mark.others_probes)
        mark.others_in_flight, mark.others_probes = in_flight, probes

    def _mark(self, slug: str) -> _Mark:
        mark = self._marks.get(slug)
        if mark is None:
            mark = self._marks[slug] = _Mark()
        return mark


def _part(slug: str, record: Record, mark: _Mark) -> DeploymentPart | None:
    """None where nothing happened."""
    is_same = record.minute == mark.minute
    requests = record.minute_requests - (mark.requests if is_same else 0)
    tokens = record.minute_tokens - (mark.tokens if is_same else 0)
    ttft_n = _more(record.ttft_samples, mark.ttft_n)
    ok_n = _more(record.success_samples, mark.success_n)
    word = _breaker_word(record.breaker, mark)
    if not (requests or tokens or ttft_n or ok_n or word):
        return None
    return DeploymentPart(
        slug=slug,
        minute=record.minute,
        requests=requests,
        tokens=tokens,
        ttft=record.ttft_ms,
        ttft_at=record.ttft_at_ms,
        ttft_n=ttft_n,
        ttft_base=mark.ttft_n,
        is_peak=record.ttft_ms >= mark.ttft,
        ok=_mean_of_last(record, mark, ok_n),
        ok_n=min(ok_n, MOST_RESULTS if mark.success_n else SUCCESS_SAMPLES),
        breaker=word,
        reopens_at=record.breaker.reopens_at_ms,
        openings=record.breaker.openings,
        version=mark.version,
    )


def _more(now: int, before: int) -> int:
    return now - before if now >= before else now


def _mean_of_last(record: Record, mark: _Mark, n: int) -> float:
    """The mean of the last n results, from the running means before and after them."""
    if n <= 0 or mark.success_n == 0 or record.success_samples < mark.success_n:
        return record.success
    kept = 1.0
    for sample in range(mark.success_n + 1, mark.success_n + min(n, MOST_RESULTS) + 1):
        kept *= 1 - 1 / min(sample, SUCCESS_SAMPLES)
    return min(1.0, max(0.0, (record.success - mark.success * kept) / (1 - kept)))


def _breaker_word(breaker: Breaker, mark: _Mark) -> str:
    if breaker.is_open:
        return "" if mark.is_open and breaker.reopens_at_ms == mark.reopens_at else "opened"
    return "closed" if mark.is_open else ""


def _before(record: Record) -> _Before:
    return _Before(
        record.minute,
        record.minute_requests,
        record.minute_tokens,
        record.ttft_samples,
        record.success_samples,
        record.breaker,
    )


def _merge(record: Record, mark: _Mark, state: DeploymentState, before: _Before | None) -> None:
    """Everybody's values, and on top what happened here since they were told."""
    told = before or _Before(mark.minute, mark.requests, mark.tokens, mark.ttft_n, mark.success_n, record.breaker)
    _merge_minute(record, mark, state, told)
    new_ttft = _more(record.ttft_samples, told.ttft_n)
    if not new_ttft:
        record.ttft_ms, record.ttft_at_ms = state.ttft, max(record.ttft_at_ms, state.ttft_at)
    record.ttft_samples = state.ttft_n + new_ttft
    mark.ttft, mark.ttft_n = state.ttft, state.ttft_n
    new_results = _more(record.success_samples, told.success_n)
    if not new_results:
        record.success = state.success
    record.success_samples = state.success_n + new_results
    mark.success, mark.success_n = state.success, state.success_n
    if state.version != mark.version and record.breaker is told.breaker:
        if state.is_open:
            record.breaker = Breaker(is_open=True, reopens_at_ms=state.reopens_at, openings=state.openings)
        elif record.breaker.is_open:
            record.breaker = Breaker()
    mark.version, mark.is_open, mark.reopens_at = state.version, bool(state.is_open), state.reopens_at


def _merge_minute(record: Record, mark: _Mark, state: DeploymentState, told: _Before) -> None:
    is_same = record.minute == told.minute
    requests = record.minute_requests - (told.requests if is_same else 0)
    tokens = record.minute_tokens - (told.tokens if is_same else 0)
    if state.minute > record.minute:
        record.minute, requests, tokens = state.minute, 0, 0
    shared = (state.requests, state.tokens) if state.minute == record.minute else (0, 0)
    record.minute_requests, record.minute_tokens = shared[0] + requests, shared[1] + tokens
    mark.minute, mark.requests, mark.tokens = record.minute, *shared
