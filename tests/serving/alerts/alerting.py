"""Traffic, rules and channels for these tests, at a time of their choosing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from routerapp.models import AlertChannel, AlertRule, AttemptRollup, RequestRollup
from routerapp.serving.alerts.receiver import set_receiver
from routerapp.store.config_document import unix_ms
from routerapp.store.rollups import MINUTE_MS

NOW = datetime(2026, 6, 1, 12, 0, 30, tzinfo=UTC)
_ids = itertools.count(1)
SUMS = dict.fromkeys(("unpriced_n", "estimated_n", "input_tokens", "output_tokens", "cost_nusd"), 0)
BASELINE = dict.fromkeys(("baseline_n", "baseline_cost_nusd", "baseline_actual_nusd"), 0)


def requests(n: int, status: str = "ok", ago: timedelta = timedelta(0), **columns: Any) -> RequestRollup:
    """A minute's sum of requests."""
    at = unix_ms(NOW - ago)
    fields = {"granularity": "minute", "starts_at_ms": at - at % MINUTE_MS, "origin": "live", "policy_version": 1}
    return RequestRollup.objects.create(
        id=next(_ids), status=status, n=n, **{**fields, **SUMS, **BASELINE, "policy": "support", **columns}
    )


def attempts(n: int, status: str = "ok", **columns: Any) -> AttemptRollup:
    at = unix_ms(NOW)
    fields = {"granularity": "minute", "starts_at_ms": at - at % MINUTE_MS, "origin": "live", "deployment": "d"}
    names = {"language_model": "gpt", "provider": "acme"}
    return AttemptRollup.objects.create(id=next(_ids), status=status, n=n, **{**fields, **SUMS, **names, **columns})


def a_rule(kind: str = "error_share", channels: tuple[AlertChannel, ...] = (), **fields: Any) -> AlertRule:
    number = next(_ids)
    row = AlertRule.objects.create(
        slug=f"rule-{number}", kind=kind, **{"name": f"Rule {number}", "threshold": 0.2, "least_requests": 10, **fields}
    )
    row.channels.set(channels)
    return row


def a_channel(address: str = "https://hooks.example.org/services/T0/secret", **fields: Any) -> AlertChannel:
    number = next(_ids)
    row = AlertChannel(slug=f"channel-{number}", **{"name": f"Channel {number}", "kind": "webhook", **fields})
    set_receiver(row, address)
    row.save()
    return row


def clock_at(now: datetime) -> Callable[[], datetime]:
    return lambda: now
