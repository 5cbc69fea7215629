"""What a simulated year shows: regret, how soon the router is well again after each change, and how far it ever fell under the default."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routerapp.learning.drift import Finding, input_drift
from routerapp.learning.evidence import Floats
from routerapp.learning.year import Year

WINDOW = 1_000
DEFAULT_WINDOW = 2_000
CLOSE = 0.03


@dataclass(frozen=True, slots=True)
class Account:
    """mean: utility per request of each policy; regret: to the oracle, per request; recovered: requests after each change until the
    router's mean over WINDOW requests was again within CLOSE of the informed choice, None if it never was; worst_to_default: lowest
    mean of router − default over any DEFAULT_WINDOW requests.
    """

    mean: dict[str, float]
    regret: dict[str, float]
    recovered: dict[str, int | None]
    worst_to_default: float


POLICIES = ("router", "oracle", "informed", "default", "best_single", "static")


def account(year: Year, window: int = WINDOW, default_window: int = DEFAULT_WINDOW) -> Account:
    mean = {name: float(getattr(year, name).mean()) for name in POLICIES}
    gap = year.informed - year.router
    ends = [*sorted(year.marks.values()), len(gap)][1:]
    recovered = {
        name: recovered_after(gap[start:end], window)
        for (name, start), end in zip(sorted(year.marks.items(), key=lambda mark: mark[1]), ends, strict=True)
    }
    return Account(
        mean,
        {name: mean["oracle"] - value for name, value in mean.items() if name != "oracle"},
        recovered,
        float(rolling(year.router - year.default, default_window).min()),
    )


def inputs_found(year: Year, reference: int, period: int) -> Finding | None:
    """The drift of inputs after the first `reference` requests, looked at every `period` requests; places of the finding are periods."""
    clusters = int(year.cluster.max()) + 1
    first, rest = year.cluster[:reference], year.cluster[reference:]
    whole = rest[: len(rest) // period * period].reshape(-1, period)
    windows = np.array([np.bincount(one, minlength=clusters) for one in whole], dtype=np.float64).reshape(-1, clusters)
    counts = np.bincount(first, minlength=clusters).astype(np.float64)
    return input_drift([str(place) for place in range(clusters)], counts, windows)


def recovered_after(gap: Floats, window: int, close: float = CLOSE) -> int | None:
    """Requests until a window that begins there has a mean gap of at most `close`; None if there is none."""
    good = np.flatnonzero(rolling(gap, window) <= close)
    return int(good[0]) if len(good) else None


def rolling(values: Floats, window: int) -> Floats:
    """(t − window + 1,) means. Raises ValueError for a window longer than the values."""
    if window > len(values):
        raise ValueError(f"A window of {window} does not fit {len(values)} requests.")
    sums = np.cumsum(np.append(0.0, values))
    return np.asarray((sums[window:] - sums[:-window]) / window)
