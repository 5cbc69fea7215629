"""Which deployment answered a unit last, so that a sticky rule finds it again. In process, bounded, forgotten after a week.

Keys are keyed hashes of units, never what callers sent.
"""

from __future__ import annotations

from collections import OrderedDict

from routerapp.engine.extras import MAX_STICKY_SECONDS
from routerapp.engine.types import LastServed

MOST_UNITS = 100_000
# No rule may remember for longer.
FORGET_AFTER_MS = MAX_STICKY_SECONDS * 1000


class ServedUnits:
    """The unit that was not served for longest goes first."""

    def __init__(self, most: int = MOST_UNITS) -> None:
        self._most = most
        self._by_unit: OrderedDict[str, LastServed] = OrderedDict()
        # What other processes have not been told yet; None where there are none to tell.
        self.untold: dict[str, LastServed] | None = None

    def note(self, unit: str, deployment: str, prompt_tokens: int, now_ms: int) -> None:
        found = LastServed(deployment, prompt_tokens, now_ms)
        self._keep(unit, found)
        if self.untold is not None and len(self.untold) < self._most:
            self.untold[unit] = found

    def learn(self, unit: str, found: LastServed) -> None:
        """What another process noted; the newer one stands."""
        known = self._by_unit.get(unit)
        if known is None or known.at_ms < found.at_ms:
            self._keep(unit, found)

    def _keep(self, unit: str, found: LastServed) -> None:
        self._by_unit[unit] = found
        self._by_unit.move_to_end(unit)
        if len(self._by_unit) > self._most:
            self._by_unit.popitem(last=False)

    def find(self, unit: str, now_ms: int) -> LastServed | None:
        found = self._by_unit.get(unit)
        if found is None:
            return None
        if now_ms - found.at_ms > FORGET_AFTER_MS:
            del self._by_unit[unit]
            return None
        return found

    def __len__(self) -> int:
        return len(self._by_unit)
