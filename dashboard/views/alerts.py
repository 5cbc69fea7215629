"""Alerts: what is wrong now, what was, and what became of telling it. Rules and channels have views of their own."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.alert_lines import channel_line, incident_line, message_line, rule_lines
from dashboard.fragments import asked_fragment, render_page
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import AlertChannel, AlertIncident, AlertMessage, AlertRule
from routerapp.serving.alerts.outbox import failed_messages
from routerapp.serving.alerts.rules import retry_message
from routerapp.serving.refusals import WriteRefused

PAGE_SIZE = 20
# Older ones stand on the page of their alert; nobody would act on them any more.
GIVEN_UP_SHOWN = timedelta(days=7)
MOST_GIVEN_UP = 5
LIVE = frozenset({"open"})


@allowed_to("read")
def alert_list(request: HttpRequest) -> HttpResponse:
    open_now = list(_incidents().filter(closed_at=None).order_by("-opened_at")[:100])
    context = {
        "open_lines": [incident_line(incident) for incident in open_now],
        "may_edit": can(request, "edit_alerts"),
    }
    if asked_fragment(request, LIVE):
        return render_page(request, "dashboard/alerts/list.html", context, fragments=LIVE)
    cursor, is_good = _cursor(request)
    over = list(_over(cursor)) if is_good else []
    here = reverse("dashboard:alert-list")
    given_up = failed_messages().filter(created_at__gte=timezone.now() - GIVEN_UP_SHOWN)
    rules = AlertRule.objects.prefetch_related("channels").order_by("-is_enabled", "name")
    context |= {
        "history": [incident_line(incident) for incident in over[:PAGE_SIZE]],
        "next_url": f"{here}?before={over[PAGE_SIZE - 1].pk}#history" if len(over) > PAGE_SIZE else "",
        "first_url": f"{here}#history" if cursor else "",
        "problem": "" if is_good else "This page of the history does not exist.",
        "rules": rule_lines(rules, {incident.rule_id for incident in open_now}),
        "channels": [channel_line(channel) for channel in AlertChannel.objects.order_by("-is_enabled", "name")],
        "failed": [
            message_line(message)
            for message in given_up.select_related("channel", "incident__rule").order_by("-pk")[:MOST_GIVEN_UP]
        ],
        "failed_n": given_up.count(),
    }
    return render_page(request, "dashboard/alerts/list.html", context, status=200 if is_good else 422)


@allowed_to("read")
def alert_incident(request: HttpRequest, incident_id: int) -> HttpResponse:
    incident = get_object_or_404(_incidents(), pk=incident_id)
    sent = incident.messages.select_related("channel").order_by("pk")
    context = {
        "line": incident_line(incident),
        "incident": incident,
        "sent": [message_line(message) for message in sent],
        "may_edit": can(request, "edit_alerts"),
    }
    return render_page(request, "dashboard/alerts/incident.html", context)


@allowed_to("edit_alerts")
@require_POST
def alert_retry(request: HttpRequest, message_id: int) -> HttpResponse:
    message = get_object_or_404(AlertMessage, pk=message_id)
    try:
        retry_message(message_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "It is tried again within half a minute.")
    return redirect("dashboard:alert-incident", incident_id=message.incident_id)


def _incidents() -> QuerySet[AlertIncident]:
    return AlertIncident.objects.select_related("rule")


def _over(before: int | None) -> QuerySet[AlertIncident]:
    """One more than a page shows."""
    rows = _incidents().exclude(closed_at=None)
    return (rows.filter(pk__lt=before) if before else rows).order_by("-pk")[: PAGE_SIZE + 1]


def _cursor(request: HttpRequest) -> tuple[int | None, bool]:
    text = request.GET.get("before", "")
    if not text:
        return None, True
    is_good = text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0
    return (int(text), True) if is_good else (None, False)
