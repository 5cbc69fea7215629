"""How long to wait before the same deployment is asked again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a random wait between nothing and base × 2^retry, capped (AWS Architecture Blog, 2015)."""

    base_ms: float = 250
    cap_ms: float = 4_000

    def wait_seconds(self, retry: int, chance: float) -> float:
        return chance * min(self.cap_ms, self.base_ms * 2.0**retry) / 1000
