"""One thing `doctor` looked at: how it is, and what to do when it is not well."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"
WORST = (OK, WARN, FAIL)


@dataclass(frozen=True, slots=True)
class Finding:
    """status: ok, warn or fail. to_do is empty when all is well."""

    check: str
    status: str
    message: str
    to_do: str = ""


Check = Callable[[], Iterable[Finding]]


def well(check: str, message: str) -> Finding:
    return Finding(check, OK, message)


def worth_a_look(check: str, message: str, to_do: str) -> Finding:
    return Finding(check, WARN, message, to_do)


def wrong(check: str, message: str, to_do: str) -> Finding:
    return Finding(check, FAIL, message, to_do)


def some(slugs: Iterable[str], most: int = 5) -> str:
    """The first few by name, the rest by number."""
    named = sorted(slugs)
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more
