"""Stable hashes to [0, 1): the engine's only source of chance. Equal arguments give equal numbers in every process, for ever."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from math import inf, log1p

_SEED_MASK = 2**64 - 1
_STEP = 2.0**-53
_SEPARATOR = "\x1f"


def u(seed: int, purpose: str, rule_id: str, deployment_id: str) -> float:
    """One draw in [0, 1) for one use; a new candidate has a draw of its own and moves no other."""
    return _fraction((purpose, rule_id, deployment_id), (seed & _SEED_MASK).to_bytes(8, "big"))


def unit_hash(salt: str, unit: str) -> float:
    """Where a unit stands in [0, 1) under a salt (an experiment's slug): the same in every request."""
    return _fraction(("unit", salt, unit), b"")


def exponential_race(draw: float, weight: float) -> float:
    """Finishing time of a runner of this weight: the smallest wins with probability weight / sum (Efraimidis and Spirakis 2006)."""
    return -log1p(-draw) / weight if weight > 0 else inf


def rendezvous(unit: str, weights: Mapping[str, float]) -> list[str]:
    """Names, best first, by weighted rendezvous hashing: removing a name moves only the units it held."""
    times = {
        name: exponential_race(_fraction(("rendezvous", unit, name), b""), weight) for name, weight in weights.items()
    }
    return sorted(times, key=lambda name: (times[name], name))


def pick_share(point: float, shares: Mapping[str, float]) -> str:
    """The name whose share of the line holds the point in [0, 1); shares are taken in the order given, of any positive sum."""
    mark = point * sum(shares.values())
    reached = 0.0
    last = ""
    for name, share in shares.items():
        if share <= 0:
            continue
        reached += share
        last = name
        if mark < reached:
            return name
    return last


def _fraction(parts: tuple[str, ...], key: bytes) -> float:
    digest = blake2b(_SEPARATOR.join(parts).encode(), digest_size=8, key=key).digest()
    return (int.from_bytes(digest, "big") >> 11) * _STEP
