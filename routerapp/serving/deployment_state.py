"""What each deployment is like this second, from the heartbeats of the workers that serve: breaker, in flight, pace, what is left of its limits.

Every worker has a view of its own; what is shown is their sum, or the worst of them, and how many were heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from routerapp.models import WorkerReport
from routerapp.serving.system_state import FRESH

WORST_FIRST = ("open", "half_open", "closed")


@dataclass(frozen=True, slots=True)
class LiveReading:
    """workers: how many report this deployment. None is not known: no traffic yet, or no limit."""

    workers: int = 0
    in_flight: int = 0
    breaker: str = "closed"
    reopens_at_ms: int | None = None
    ttft_ewma_ms: float | None = None
    success_ewma: float | None = None
    success_samples: int = 0
    requests_left: int | None = None
    tokens_left: int | None = None


def read_live() -> dict[str, LiveReading]:
    """Deployment -> reading; empty while no worker reports."""
    rows = WorkerReport.objects.filter(reported_at__gte=timezone.now() - FRESH).values_list("state", flat=True)
    by_deployment: dict[str, list[dict[str, Any]]] = {}
    for state in rows:
        for slug, one in ((state or {}).get("deployments") or {}).items():
            by_deployment.setdefault(slug, []).append(one)
    return {slug: _together(views) for slug, views in by_deployment.items()}


def _together(views: Sequence[dict[str, Any]]) -> LiveReading:
    breakers = [str(view.get("breaker", "closed")) for view in views]
    worst = next((one for one in WORST_FIRST if one in breakers), breakers[0])
    reopens = [view["reopens_at_ms"] for view in views if view.get("reopens_at_ms")]
    samples = sum(view.get("success_samples") or 0 for view in views)
    return LiveReading(
        workers=len(views),
        in_flight=sum(view.get("in_flight") or 0 for view in views),
        breaker=worst,
        reopens_at_ms=max(reopens, default=None) if worst != "closed" else None,
        ttft_ewma_ms=_mean(views, "ttft_ewma_ms", "ttft_samples"),
        success_ewma=_mean(views, "success_ewma", "success_samples"),
        success_samples=samples,
        requests_left=_least(views, "requests_left"),
        tokens_left=_least(views, "tokens_left"),
    )


def _mean(views: Sequence[dict[str, Any]], name: str, weight: str) -> float | None:
    """Weighted by samples."""
    known = [(view[name], max(1, view.get(weight) or 0)) for view in views if view.get(name) is not None]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if known else None


def _least(views: Sequence[dict[str, Any]], name: str) -> int | None:
    """Each worker counts for itself: the one that has least left refuses first."""
    return min((view[name] for view in views if view.get(name) is not None), default=None)
