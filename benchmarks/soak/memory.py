"""How much memory each process holds over time, and whether that grows: samples every few seconds, a robust slope with its interval."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024**2
# Slopes of all pairs are a square of the samples; evenly thinned ones say the same.
MOST_POINTS = 400


@dataclass(slots=True)
class Series:
    """One process from its first sample on. bytes: anonymous resident memory, which is its own however many others run."""

    name: str
    pid: int
    began: float
    seconds: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    proportional: int = 0


@dataclass(frozen=True, slots=True)
class Slope:
    """MiB an hour, by Theil and Sen, with an interval of 95 %; over so many minutes after warm-up, from and to so many MiB."""

    name: str
    mib_per_hour: float
    low: float
    high: float
    minutes: float
    from_mib: float
    to_mib: float

    @property
    def grew_mib(self) -> float:
        return self.mib_per_hour * self.minutes / 60


class Sampler:
    """processes() gives the living ones: process id -> name. Runs in a thread until stopped."""

    def __init__(self, processes: Callable[[], dict[int, str]], every_seconds: float = 5.0) -> None:
        self.series: dict[int, Series] = {}
        self._processes = processes
        self._every_seconds = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def sample(self) -> None:
        now = time.monotonic()
        for pid, name in self._processes().items():
            found = read_memory(pid)
            if found is None:
                continue
            series = self.series.setdefault(pid, Series(name, pid, now))
            series.seconds.append(now)
            series.bytes.append(found[0])
            series.proportional = found[1]

    def _run(self) -> None:
        while not self._stop.wait(self._every_seconds):
            self.sample()


def read_memory(pid: int) -> tuple[int, int] | None:
    """Anonymous bytes and the proportional set size; None for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    figures = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:] if line.endswith(" kB")}
    return figures.get("Anonymous", 0) + figures.get("Swap", 0), figures.get("Pss", 0)


def slope_of(series: Series, warm_up_seconds: float) -> Slope | None:
    """None when too little is left after the warm-up."""
    points = [
        (at, size)
        for at, size in zip(series.seconds, series.bytes, strict=True)
        if at - series.began >= warm_up_seconds
    ]
    if len(points) < 10:
        return None
    step = math.ceil(len(points) / MOST_POINTS)
    hours, sizes = [at / 3600 for at, _ in points[::step]], [size / MIB for _, size in points[::step]]
    low, middle, high = theil_sen(hours, sizes)
    return Slope(series.name, middle, low, high, (points[-1][0] - points[0][0]) / 60, sizes[0], sizes[-1])


def theil_sen(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Low, median and high slope of all pairs; the interval is Sen's (1968), by Kendall's variance, without a term for ties."""
    n = len(xs)
    slopes = sorted((ys[j] - ys[i]) / (xs[j] - xs[i]) for i in range(n) for j in range(i + 1, n) if xs[j] > xs[i])
    half = 1.96 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    middle = len(slopes) / 2
    low = slopes[max(0, math.floor(middle - half))]
    high = slopes[min(len(slopes) - 1, math.ceil(middle + half))]
    return low, statistics.median(slopes), high
