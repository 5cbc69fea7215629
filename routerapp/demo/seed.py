"""Makes the demo workspace: catalogue, policies, keys, then thirty days of traffic drained into the database."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import uvloop
import yaml
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from routerapp.demo.arrivals import draw_arrivals
from routerapp.demo.traffic import SEED, run_traffic
from routerapp.demo.wanted import note_demo_made
from routerapp.demo.workspace import HERE, HISTORY_DAYS, make_workspace, read_policies
from routerapp.models import Origin, Policy, RoutedRequest
from routerapp.store.drain import Drainer
from routerapp.store.snapshot import load_snapshot

REQUESTS = 20_000


@contextmanager
def _draining_meanwhile() -> Iterator[None]:
    """The product's own drainer beside the traffic, on another core; at the end it takes what is left and goes."""
    drainer = subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "drain"], stdin=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        drainer.terminate()
        drainer.wait()


def read_prompts() -> list[dict[str, Any]]:
    prompts: list[dict[str, Any]] = yaml.safe_load((HERE / "prompts.yaml").read_text("utf-8"))
    return prompts


def seed_demo(requests: int = REQUESTS, say: Callable[[int], None] = lambda count: None) -> int:
    """Returns how many sample requests are in the database; say hears how many were asked so far. Run again after an interruption it starts its traffic anew."""
    now = timezone.now()
    if not Policy.objects.filter(is_sample=True).exists():
        with transaction.atomic():
            make_workspace(now)
    snapshot = load_snapshot()
    to_ms = int(now.timestamp() * 1000)
    from_ms = int((now - timedelta(days=HISTORY_DAYS)).timestamp() * 1000)
    names = {f"policy/{entry['slug']}": float(entry["share"]) for entry in read_policies()}
    arrivals = draw_arrivals(
        read_prompts(), names, count=requests, from_ms=from_ms, to_ms=to_ms, draw=random.Random(SEED)
    )
    with _draining_meanwhile():
        uvloop.run(run_traffic(snapshot, arrivals, settings.DATA_DIR, from_ms, say))
    with Drainer("default", settings.DATA_DIR) as drainer:
        while drainer.drain_once():
            continue
    note_demo_made()
    return RoutedRequest.objects.filter(origin=Origin.SAMPLE).count()
