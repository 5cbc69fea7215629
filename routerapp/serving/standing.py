"""Reads now and then what only the database and the disk know: incidents that are open, records that wait. For /metrics."""

from __future__ import annotations

from pathlib import Path

from routerapp.models import AlertIncident
from routerapp.serving.metrics import Standing
from routerapp.store.spool_state import read_spool_state


def read_standing(data_dir: Path, now_ms: int) -> Standing:
    """Blocks; raises DatabaseError."""
    spool = read_spool_state(data_dir)
    since_ms = spool.waiting_since_ms
    return Standing(
        open_incidents=AlertIncident.objects.filter(closed_at=None).count(),
        spool_waiting_bytes=spool.bytes_waiting,
        spool_lag_seconds=0.0 if since_ms is None else max(0, now_ms - since_ms) / 1000,
    )
