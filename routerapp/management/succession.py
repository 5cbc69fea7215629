"""One generation of gateway processes takes over from another: the new ones are up and ready before the first of the old ones leaves.

If one of the new does not get ready, all of the new go and the old ones never knew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from routerapp.management.child import Child

READY_SECONDS = 60.0
# They start beside processes that serve: a few at a time, so that callers hardly notice.
AT_ONCE = max(2, (os.cpu_count() or 1) // 2)


class Succession:
    """step() until is_ready or failed says how it ended. failed: why, for a person."""

    def __init__(self, incoming: Sequence[Child], spawn: Callable[[Child], None]) -> None:
        self.incoming = list(incoming)
        self.failed = ""
        self._spawn = spawn

    @property
    def is_ready(self) -> bool:
        return not self.failed and all(child.is_ready and child.is_alive for child in self.incoming)

    def step(self) -> None:
        started = [child for child in self.incoming if child.process is not None]
        for child in started:
            child.look()
            if not child.is_alive:
                assert child.process is not None
                self.failed = f"{child.name} ended with {child.process.returncode} before it was ready"
            elif not child.is_ready and time.monotonic() - child.started_at > READY_SECONDS:
                self.failed = f"{child.name} was not ready within {READY_SECONDS:.0f} seconds"
        starting = sum(1 for child in started if not child.is_ready)
        waiting = [child for child in self.incoming if child.process is None]
        if not self.failed:
            for child in waiting[: max(0, AT_ONCE - starting)]:
                self._spawn(child)
