"""Reading the audit log: filters, pages from the newest on, and bounded batches for exports. Never writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from routerapp.models import AuditEvent

PAGE = 50
BATCH = 500


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Empty means any. subject matches from its start, so that `policy:` is all policies; to is not included."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    start: dt.datetime | None = None
    end: dt.datetime | None = None

    def where(self) -> dict[str, Any]:
        wanted = {
            "actor": self.actor,
            "action": self.action,
            "subject__startswith": self.subject,
            "at__gte": self.start,
            "at__lt": self.end,
        }
        return {name: value for name, value in wanted.items() if value}


@dataclass(frozen=True, slots=True)
class AuditPage:
    """next_cursor: the id to go on below; None on the last page."""

    events: tuple[AuditEvent, ...]
    next_cursor: int | None


def filtered(filters: AuditFilters) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(**filters.where())


def list_events(filters: AuditFilters, cursor: int | None = None, limit: int = PAGE) -> AuditPage:
    rows = filtered(filters)
    if cursor is not None:
        rows = rows.filter(pk__lt=cursor)
    found = list(rows.order_by("-pk")[: limit + 1])
    page = found[:limit]
    return AuditPage(tuple(page), page[-1].pk if len(found) > limit else None)


def batches(filters: AuditFilters, most: int) -> Iterator[tuple[AuditEvent, ...]]:
    """Newest first, each a short query of its own."""
    cursor, sent = None, 0
    while sent < most:
        page = list_events(filters, cursor, min(BATCH, most - sent))
        yield page.events
        sent, cursor = sent + len(page.events), page.next_cursor
        if cursor is None:
            return


def known_values() -> Mapping[str, list[str]]:
    """What can be filtered by: every actor and every action there is."""
    events = AuditEvent.objects.order_by()
    return {name: sorted(events.values_list(name, flat=True).distinct()[:500]) for name in ("actor", "action")}
