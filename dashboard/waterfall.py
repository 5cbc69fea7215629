"""Attempts of one request on a common time axis: where each bar begins and ends, in thousandths of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from routerapp.models import AttemptRow, RoutedRequest, Status
from routerapp.serving.answer_acceptance import NOT_ACCEPTED

# What an answer was that did not pass the check of a cascade.
UNMET = {
    "complete": "it was cut off",
    "not_refused": "the model declined",
    "schema": "it is not JSON of the wanted schema",
    "min_characters": "it is shorter than wanted",
    "matches": "the wanted pattern is not in it",
    "not_matches": "an unwanted pattern is in it",
    "log_probability": "the model was unsure of its words",
    "agrees": "asked again, the model answered otherwise",
    "judge": "the judge's grade was too low",
}
WIDTH = 1_000
NARROWEST = 3
HEDGE = "hedge"


@dataclass(frozen=True, slots=True)
class Bar:
    """phase: connect, wait (until the first token) or answer."""

    phase: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Lane:
    """is_loser: ended because another attempt, running beside it, answered first. notes: its warnings, in words."""

    attempt: AttemptRow
    starts_after_ms: int
    bars: tuple[Bar, ...]
    is_ok: bool
    is_loser: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waterfall:
    total_ms: int
    ticks: tuple[tuple[int, int], ...]
    lanes: tuple[Lane, ...]


def waterfall(row: RoutedRequest, attempts: Sequence[AttemptRow]) -> Waterfall | None:
    """None when nothing was called."""
    if not attempts:
        return None
    ends = [one.at_ms + one.latency_ms - row.at_ms for one in attempts]
    total = max(1, row.latency_ms or 0, *ends)
    is_race = row.status == Status.OK and any(one.role == HEDGE for one in attempts)
    lanes = tuple(_lane(one, row.at_ms, total, is_race=is_race) for one in attempts)
    ticks = tuple((quarter * WIDTH // 4, quarter * total // 4) for quarter in range(5))
    return Waterfall(total, ticks, lanes)


def _lane(attempt: AttemptRow, begins_ms: int, total: int, *, is_race: bool) -> Lane:
    start = max(0, attempt.at_ms - begins_ms)
    end = start + attempt.latency_ms
    connected = start + min(attempt.connect_ms or 0, attempt.latency_ms)
    first = start + min(attempt.ttft_ms, attempt.latency_ms) if attempt.ttft_ms is not None else end
    marks = (("connect", start, connected), ("wait", connected, max(first, connected)), ("answer", first, end))
    bars = tuple(_bar(phase, a, b, total) for phase, a, b in marks if b > a)
    is_loser = is_race and attempt.status == Status.CANCELLED
    return Lane(
        attempt,
        start,
        bars or (_bar("wait", start, start, total),),
        attempt.status == Status.OK,
        is_loser,
        _notes(attempt.warnings),
    )


def _notes(warnings: str) -> tuple[str, ...]:
    return tuple(_note(one) for one in warnings.split(",") if one)


def _note(warning: str) -> str:
    check = warning.removeprefix(NOT_ACCEPTED)
    return f"Not taken: {UNMET.get(check, check)}." if check != warning else warning


def _bar(phase: str, start: int, end: int, total: int) -> Bar:
    x = min(start * WIDTH // total, WIDTH - NARROWEST)
    return Bar(phase, x, max(NARROWEST, (end - start) * WIDTH // total))
