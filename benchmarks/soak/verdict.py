"""What a soak has shown: each promise with what was found and what is allowed, and whether all of them hold."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.soak.books import sums_agree
from benchmarks.soak.memory import MIB, Series, Slope, slope_of
from benchmarks.soak.story import Story

# Of a process that lived for less, one step of an allocator says more than any slope.
LINES_PER_KILL = 12
LINES_PER_OUTAGE = 40
LINES_OTHERWISE = 60


@dataclass(frozen=True, slots=True)
class Check:
    promise: str
    found: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """mib_per_hour: of each process that lived through it, after warm-up; besides, grown_mib is noise however short the time."""

    mib_per_hour: float = 2.0
    grown_mib: float = 0.5
    warm_up_seconds: float = 600.0


def checks(story: Story, allowed: Allowed) -> list[Check]:
    return [*_answers(story), *_books(story), *_memory(story, allowed)]


def document(story: Story, found: list[Check], allowed: Allowed) -> dict[str, Any]:
    plan, calls = story.plan, story.calls
    return {
        "passed": all(one.is_kept for one in found),
        "checks": [asdict(one) for one in found],
        "minutes": round(plan.seconds / 60, 1),
        "workers": plan.workers if story.is_exact else 1,
        "database": plan.database,
        "requests a second": round(story.rate, 1),
        "saturation, requests a second": None if story.saturation is None else round(story.saturation, 1),
        "taken in at most, requests a second": None if story.taken_in is None else round(story.taken_in, 1),
        "calls": None if calls is None else {name: getattr(calls, name) for name in calls.__struct_fields__},
        "kills": len(story.kills),
        "outage, seconds": round(story.outage_seconds, 1),
        "journal at the end of the load, MiB": round(story.waited_mib, 1),
        "catching up after the load, seconds": round(story.catch_up_seconds, 1),
        "books": asdict(story.books),
        "memory": [asdict(slope) for slope in _slopes(story, allowed)],
        "killed workers": _killed(story),
        "log lines": story.log_lines,
        "notes": story.notes,
    }


def _answers(story: Story) -> Iterator[Check]:
    calls, books = story.calls, story.books
    if calls is None:
        yield Check("the callers ended in good order", "no", False)
        return
    unexpected = {name: n for name, n in calls.statuses.items() if "unexpected" in name}
    yield Check(
        "every whole answer is what was asked for", f"{unexpected or 'all'}", not unexpected and not books.wrong
    )
    away = calls.turned_away + calls.refused_connects
    yield Check("nobody is turned away", f"{away}", away == 0 or not story.is_exact)
    yield Check(
        "a request breaks only in a killed worker",
        f"{books.broken} broken, {books.unexplained} elsewhere",
        not books.unexplained,
    )
    kept_up = calls.late <= 0.02 * calls.sent
    yield Check(
        "the callers kept to their rate",
        f"{calls.late:,} of {calls.sent:,} over a second late",
        kept_up or not story.is_exact,
    )
    wanted = int(story.plan.seconds / story.plan.kill_every) - 1
    yield Check("workers were killed", f"{len(story.kills)}", len(story.kills) >= max(1, wanted))
    most = LINES_OTHERWISE + LINES_PER_KILL * len(story.kills) + LINES_PER_OUTAGE
    yield Check("the log stays readable", f"{story.log_lines} lines, at most {most}", story.log_lines <= most)


def _books(story: Story) -> Iterator[Check]:
    books = story.books
    yield Check(
        "every answered request has a row", f"{books.answered:,} answered, {books.missing} without", not books.missing
    )
    yield Check("no id was given twice", f"{books.twice}", not books.twice)
    yield Check("what was answered is recorded as answered", f"{books.not_ok} otherwise", not books.not_ok)
    yield Check(
        "no row but of the answered and the broken",
        f"{books.rows:,} rows, {books.unknown} of nobody",
        not books.unknown,
    )
    yield Check(
        "sums are the rows, to the nano-dollar", f"{books.rollups}", bool(books.rollups) and sums_agree(books.rollups)
    )


def _memory(story: Story, allowed: Allowed) -> Iterator[Check]:
    for slope in _slopes(story, allowed):
        found = (
            f"{slope.mib_per_hour:+.2f} MiB/h ({slope.low:+.2f} to {slope.high:+.2f}), "
            f"{slope.from_mib:.1f} to {slope.to_mib:.1f} MiB in {slope.minutes:.0f} min"
        )
        is_kept = slope.mib_per_hour < allowed.mib_per_hour or slope.grew_mib < allowed.grown_mib
        yield Check(f"memory of the {slope.name} does not grow", found, is_kept)


def _slopes(story: Story, allowed: Allowed) -> list[Slope]:
    """Of whoever lived to the end and for half of it."""
    end = max((one.seconds[-1] for one in story.memory), default=0.0)
    lasting = [one for one in story.memory if end - one.seconds[-1] < 60 and _lived(one) > story.plan.seconds / 2]
    return [slope for one in lasting if (slope := slope_of(one, allowed.warm_up_seconds)) is not None]


def _killed(story: Story) -> dict[str, float]:
    """Of workers that were killed: how much they held at their end, the first and the last of them. Equal means nothing is handed on."""
    killed = {one.pid for one in story.kills}
    last = [one.bytes[-1] / MIB for one in story.memory if one.pid in killed]
    if not last:
        return {}
    part = max(1, len(last) // 3)
    return {
        "n": len(last),
        "MiB at the end, first third": round(statistics.median(last[:part]), 1),
        "MiB at the end, last third": round(statistics.median(last[-part:]), 1),
    }


def _lived(series: Series) -> float:
    return series.seconds[-1] - series.began
