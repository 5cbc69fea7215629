"""Environment variables about gateway processes: how many there are, and how long one that ends may finish what it has begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routerapp.bad_setting import BadSetting

WORKERS, DRAIN_SECONDS = "SIGNALBOX_WORKERS", "SIGNALBOX_DRAIN_SECONDS"
NAMES = frozenset({WORKERS, DRAIN_SECONDS})
MOST_WORKERS = 64
LONGEST_DRAIN = 3_600


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """drain_seconds: what a process that stops gives to its running requests and streams."""

    workers: int = 1
    drain_seconds: int = 60


def read_worker_settings(variables: Mapping[str, str]) -> WorkerSettings:
    """Raises BadSetting."""
    return WorkerSettings(
        workers=_whole(WORKERS, variables.get(WORKERS, "1"), MOST_WORKERS),
        drain_seconds=_whole(DRAIN_SECONDS, variables.get(DRAIN_SECONDS, "60"), LONGEST_DRAIN),
    )


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most):
        raise BadSetting(name, text, f"a whole number from 1 to {most:,}")
    return int(text)
