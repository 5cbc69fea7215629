"""The first-run wizard's few own facts: whether it still offers itself. How far it has come is read off what exists."""

from __future__ import annotations

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from routerapp.models import InstallationState, Origin, RoutedRequest
from routerapp.serving import audit
from routerapp.serving.changes import changing
from routerapp.serving.permissions import Actor

CLOSED = "welcome_closed_at"


def is_welcome_open() -> bool:
    """Begun by the first start, ended by close_welcome. An installation made by other means never had one."""
    settings = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    return bool(settings.get("first_started_at")) and CLOSED not in settings


def newest_live_request() -> RoutedRequest | None:
    """What a caller sent last: the proof that everything is connected. Sample traffic lies before the first start, which bounds the search."""
    settings = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    began = parse_datetime(settings.get("first_started_at") or "")
    rows = RoutedRequest.objects.filter(origin=Origin.LIVE)
    if began is not None:
        rows = rows.filter(at_ms__gte=round(began.timestamp() * 1000))
    return rows.order_by("-at_ms").first()


def close_welcome(*, by: Actor) -> None:
    """Finished or dismissed: it no longer offers itself. Its pages stay."""
    with changing(by, "edit_settings", "installation", event="close_welcome") as change:
        state = audit.lock_installation()
        state.settings = {**state.settings, CLOSED: timezone.now().isoformat()}
        state.save(update_fields=["settings"])
        change.after = {"closed": True}
