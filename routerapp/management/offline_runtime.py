"""A runtime for one question on the command line: the live configuration, fresh live values, nothing sent, nothing recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from routerapp.providers.clock import SystemClock
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.predicting import NOTHING_PREDICTED, open_predicting
from routerapp.serving.runtime import Runtime
from routerapp.store.journal import Journal
from routerapp.store.live import LiveState
from routerapp.store.snapshot import load_snapshot


@contextmanager
def offline_runtime() -> Iterator[Runtime]:
    """Breakers are closed and no latency is measured: a running worker may know better."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
        journal = Journal(Path(folder), reserve_bytes=1)
        runtime = Runtime(clock=clock, live=LiveState(), journal=journal, transport=SimulatedTransport(clock))
        snapshot = load_snapshot()
        runtime.swap(snapshot, open_predicting(snapshot, settings.DATA_DIR, NOTHING_PREDICTED))
        try:
            yield runtime
        finally:
            journal.close()
