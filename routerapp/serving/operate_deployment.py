"""An operator's hand on one deployment: drain it, cool it down for some minutes, let it serve again. Each with a reason, each audited.

Live on every worker within two seconds, with the snapshot. A cooldown ends by itself; a drain does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from routerapp.models import Deployment, InstallationState
from routerapp.serving.changes import Change, changing, find
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid
from routerapp.store.config_document import unix_ms
from routerapp.store.control import Control, Order, note_order, parse_control, set_cooldown, set_draining

LONGEST_MINUTES = 24 * 60
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Standing:
    """What operators have said about one deployment. until_ms: of a cooldown that runs; order: who, when, why, where something stands."""

    is_draining: bool = False
    until_ms: int | None = None
    order: Order | None = None

    @property
    def is_serving(self) -> bool:
        return not self.is_draining and self.until_ms is None


def read_standings() -> dict[str, Standing]:
    """Deployment -> standing, of those that do not simply serve."""
    state = InstallationState.objects.filter(id=1).first()
    control = parse_control(state.settings) if state else Control()
    now_ms = unix_ms(timezone.now())
    running = {slug: until for slug, until in control.cooldowns.items() if until > now_ms}
    return {
        slug: Standing(slug in control.draining, running.get(slug), control.orders.get(slug))
        for slug in control.draining | running.keys()
    }


def drain_deployment(slug: str, *, reason: str, by: Actor) -> Standing:
    """No new requests; those under way end as they would. Holds until somebody resumes it."""
    with changing(by, "edit_deployment", f"deployment:{slug}", event="drain_deployment") as change:
        _begin(change, slug, reason)
        set_draining(slug, True)
        _note(slug, change, by)
        change.after = {"draining": True}
    return _standing(slug)


def cool_down_deployment(slug: str, minutes: int, *, reason: str, by: Actor) -> Standing:
    """Nothing is sent there for so many minutes, unless nothing else is left: then what reopens soonest is taken."""
    with changing(by, "edit_deployment", f"deployment:{slug}", event="cool_down_deployment") as change:
        if isinstance(minutes, bool) or not 1 <= minutes <= LONGEST_MINUTES:
            raise invalid("minutes", "out_of_range", f"A cooldown lasts 1 to {LONGEST_MINUTES:,} minutes.")
        _begin(change, slug, reason)
        now_ms = unix_ms(timezone.now())
        until_ms = now_ms + minutes * 60_000
        set_cooldown(slug, until_ms, now_ms)
        _note(slug, change, by)
        change.after = {"cooldown_minutes": minutes, "until_ms": until_ms}
    return _standing(slug)


def resume_deployment(slug: str, *, reason: str, by: Actor) -> Standing:
    """Ends drain and cooldown at once."""
    with changing(by, "edit_deployment", f"deployment:{slug}", event="resume_deployment") as change:
        standing = _begin(change, slug, reason)
        if standing.is_serving:
            raise invalid("", "already_serving", f"{slug} is neither drained nor in an operator's cooldown.")
        now_ms = unix_ms(timezone.now())
        set_draining(slug, False)
        set_cooldown(slug, now_ms - 1, now_ms)
        note_order(slug, None)
        change.after = {"draining": False, "until_ms": None}
    return _standing(slug)


def _begin(change: Change, slug: str, reason: str) -> Standing:
    """Checks deployment and reason, and notes how it stood."""
    find(Deployment.objects.filter(archived_at=None), "deployment", slug=slug)
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON or not text.isprintable():
        raise invalid("reason", "required", f"Say why, in one line of up to {LONGEST_REASON} characters.")
    change.reason = text
    standing = _standing(slug)
    change.before = {"draining": standing.is_draining, "until_ms": standing.until_ms}
    return standing


def _note(slug: str, change: Change, by: Actor) -> None:
    note_order(slug, Order(by.name, unix_ms(timezone.now()), change.reason))


def _standing(slug: str) -> Standing:
    return read_standings().get(slug, Standing())


def standing_document(standing: Standing) -> dict[str, Any]:
    """As plain values, for the API."""
    order = standing.order
    return {
        "is_serving": standing.is_serving,
        "is_draining": standing.is_draining,
        "cooldown_until_ms": standing.until_ms,
        "by": order.by if order else None,
        "at_ms": order.at_ms if order else None,
        "reason": order.reason if order else None,
    }
