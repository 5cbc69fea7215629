"""Liveness and readiness of one worker."""

from __future__ import annotations

from routerapp.serving.runtime import Runtime


def readiness(runtime: Runtime | None) -> tuple[int, dict[str, object]]:
    """(status, body) of /readyz."""
    if runtime is None or not runtime.has_snapshot:
        return 503, {"status": "starting"}
    if runtime.is_draining:
        return 503, {"status": "draining"}
    if runtime.is_stale:
        return 503, {"status": "configuration_too_old"}
    return 200, {"status": "ready", "serial": runtime.snapshot.serial, "config": runtime.snapshot.config.revision}
