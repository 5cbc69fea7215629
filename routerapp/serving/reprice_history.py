"""Re-pricing what was recorded: first the difference, as a job anybody may read; then, on the same prices, the change itself.

The change is asked for with the difference in hand: prices that were edited in between are refused. Both steps leave audit events.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from routerapp.engine.money import format_usd
from routerapp.engine.types import Price
from routerapp.models import Deployment, Job, JobState, User
from routerapp.serving import audit
from routerapp.serving.changes import find
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.store import jobs
from routerapp.store.config_document import unix_ms
from routerapp.store.repricing import Difference, Scope, apply_prices, find_difference, price_history

PREVIEW, APPLY = "reprice_preview", "reprice"
LONGEST_DAYS = 400
_DAY_MS = 86_400_000


def preview_repricing(deployment: str, from_ms: int, to_ms: int, *, by: Actor) -> Job:
    """Asks for the difference. from_ms <= t < to_ms, by when attempts began."""
    require(by, "edit_price")
    if not 0 <= from_ms < to_ms:
        raise invalid("to", "out_of_range", "The range must end after it starts.")
    if to_ms - from_ms > LONGEST_DAYS * _DAY_MS:
        raise invalid("from", "out_of_range", f"A range spans at most {LONGEST_DAYS} days.")
    row = find(Deployment.objects.all(), "deployment", slug=deployment)
    with transaction.atomic():
        arguments = {
            "deployment": row.slug,
            "from_ms": from_ms,
            "to_ms": to_ms,
            "prices": _address(price_history(row.pk)),
        }
        return jobs.enqueue(PREVIEW, arguments, f"{PREVIEW}:{row.slug}:{from_ms}:{to_ms}", "long")


def apply_repricing(preview_id: int, *, by: Actor) -> Job:
    """Applies what a finished preview has shown. Refused when the deployment's prices have changed since."""
    require(by, "edit_price")
    with transaction.atomic():
        audit.lock_installation()
        preview = find(Job.objects.filter(kind=PREVIEW), "re-pricing preview", pk=preview_id)
        if preview.state != JobState.DONE:
            raise invalid(
                "preview", "not_done", "The preview is not done yet, or it failed: there is nothing to apply."
            )
        arguments = dict(preview.arguments)
        row = find(Deployment.objects.all(), "deployment", slug=arguments.get("deployment", ""))
        if (preview.result or {}).get("prices") != _address(price_history(row.pk)):
            raise invalid("preview", "prices_changed", "The prices have changed since the preview. Preview again.")
        arguments |= {"prices": _address(price_history(row.pk)), "by": by.name, "preview": preview.pk}
        job = jobs.enqueue(APPLY, arguments, f"{APPLY}:{row.slug}", "long")
        if job.arguments != arguments:
            raise invalid(
                "preview", "already_running", f"Job {job.pk} re-prices this deployment now. Wait for its end."
            )
        after = {name: arguments[name] for name in ("from_ms", "to_ms", "preview")} | {"job": job.pk}
        audit.record(by, "reprice_history", f"deployment:{row.slug}", after=after)
    return job


def run_preview(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `reprice_preview`: a sentence and the numbers."""
    scope = _scope(job, now)
    if scope is None:
        return "Nothing was asked for.", {}
    found = find_difference(scope, lambda progress: jobs.report_progress(job, progress))
    return _sentence(found, "would change"), _result(scope, found)


def run_apply(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `reprice`. Stopped or killed half-way it leaves rows and sums equal; run again it does the rest."""
    scope = _scope(job, now)
    if scope is None:
        return "Nothing was asked for.", {}
    if job.arguments.get("prices") != _address(scope.prices):
        raise invalid("", "prices_changed", "The prices have changed since this was asked for.")
    found = apply_prices(scope, lambda progress: jobs.report_progress(job, progress))
    result = _result(scope, found)
    kept = {name: value for name, value in result.items() if name not in ("days", "deployment")}
    audit.record(_actor(job), "history_repriced", f"deployment:{scope.deployment}", after=kept | {"job": job.pk})
    return _sentence(found, "changed"), result


def _scope(job: Job, now: datetime) -> Scope | None:
    given = job.arguments
    row = Deployment.objects.filter(slug=given.get("deployment", "")).first()
    if row is None:
        return None
    return Scope(row.slug, int(given["from_ms"]), min(int(given["to_ms"]), unix_ms(now) + 1), price_history(row.pk))


def _actor(job: Job) -> Actor:
    name = str(job.arguments.get("by", "scheduler"))
    user = User.objects.filter(username=name).first()
    return Actor(name, "user" if user else "system", user.role if user else "admin")


def _address(prices: tuple[Price, ...]) -> str:
    """The price history in one word: other prices, other word."""
    return hashlib.sha256(msgspec.json.encode([msgspec.to_builtins(price) for price in prices])).hexdigest()[:16]


def _sentence(found: Difference, verb: str) -> str:
    changed, attempts = found.total("changed"), found.total("attempts")
    return f"{changed:,} of {attempts:,} attempts and {found.changed_requests:,} of {found.requests:,} requests {verb}."


def _result(scope: Scope, found: Difference) -> dict[str, Any]:
    """Money as decimal text, as everywhere outside rows."""
    days = [
        {
            "day": day,
            "attempts": sums.attempts,
            "changed": sums.changed,
            "old_usd": format_usd(sums.old_nusd),
            "new_usd": format_usd(sums.new_nusd),
            "unpriced_before": sums.unpriced_before,
            "unpriced_after": sums.unpriced_after,
        }
        for day, sums in sorted(found.days.items())
    ]
    return {
        "deployment": scope.deployment,
        "from_ms": scope.from_ms,
        "to_ms": scope.to_ms,
        "prices": _address(scope.prices),
        "requests": found.requests,
        "changed_requests": found.changed_requests,
        "attempts": found.total("attempts"),
        "changed_attempts": found.total("changed"),
        "old_usd": format_usd(found.total("old_nusd")),
        "new_usd": format_usd(found.total("new_nusd")),
        "unpriced_before": found.total("unpriced_before"),
        "unpriced_after": found.total("unpriced_after"),
        "unknown_usage": found.unknown_usage,
        "days": days,
    }
