"""Operators' commands to workers, read with the snapshot poll: deployments to drain, cooldowns to hold.

They live in the installation's settings under `control`. Draining is configuration (it changes decisions); a cooldown is live state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import transaction

from routerapp.models import InstallationState

SETTING = "control"


@dataclass(frozen=True, slots=True)
class Order:
    """Who took a deployment out, when and why; for people, no decision reads it."""

    by: str = ""
    at_ms: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """cooldowns: deployment -> Unix milliseconds until which nothing is sent there. orders: deployment -> the newest word on it."""

    draining: frozenset[str] = frozenset()
    cooldowns: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, Order] = field(default_factory=dict)


def parse_control(settings: Mapping[str, Any]) -> Control:
    document = settings.get(SETTING) or {}
    return Control(
        draining=frozenset(document.get("draining", ())),
        cooldowns={slug: int(until) for slug, until in document.get("cooldowns", {}).items()},
        orders={slug: Order(**one) for slug, one in document.get("orders", {}).items()},
    )


@transaction.atomic
def set_draining(deployment: str, is_draining: bool) -> None:
    """The caller records a config revision in the same transaction: draining changes decisions."""
    state, control = _locked()
    kept = control.draining - {deployment}
    _save(state, replace(control, draining=kept | {deployment} if is_draining else kept))


@transaction.atomic
def set_cooldown(deployment: str, until_ms: int, now_ms: int) -> None:
    """until_ms in the past ends the cooldown. Drops cooldowns that are over and wakes the workers."""
    state, control = _locked()
    wanted = {**control.cooldowns, deployment: until_ms}
    state.serial += 1
    _save(state, replace(control, cooldowns={slug: until for slug, until in wanted.items() if until > now_ms}))


@transaction.atomic
def note_order(deployment: str, order: Order | None) -> None:
    """None forgets it, as when the deployment serves again."""
    state, control = _locked()
    kept = {slug: one for slug, one in control.orders.items() if slug != deployment}
    _save(state, replace(control, orders=kept if order is None else {**kept, deployment: order}))


def _locked() -> tuple[InstallationState, Control]:
    state, _ = InstallationState.objects.select_for_update().get_or_create(id=1)
    return state, parse_control(state.settings)


def _save(state: InstallationState, control: Control) -> None:
    document: dict[str, Any] = {"draining": sorted(control.draining), "cooldowns": dict(control.cooldowns)}
    if control.orders:
        # One whose cooldown is over and that does not drain says nothing any more.
        standing = control.draining | control.cooldowns.keys()
        document["orders"] = {slug: asdict(one) for slug, one in control.orders.items() if slug in standing}
    state.settings = {**state.settings, SETTING: document}
    state.save(update_fields=["settings", "serial"])
