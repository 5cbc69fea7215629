"""Operators' commands to workers, read with the snapshot poll: deployments to drain, cooldowns to hold.

They live in the installation's settings under `control`. Draining is configuration (it changes decisions); a cooldown is live state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from routerapp.models import InstallationState

SETTING = "control"


@dataclass(frozen=True, slots=True)
class Control:
    """cooldowns: deployment -> Unix milliseconds until which nothing is sent there."""

    draining: frozenset[str] = frozenset()
    cooldowns: Mapping[str, int] = field(default_factory=dict)


def parse_control(settings: Mapping[str, Any]) -> Control:
    document = settings.get(SETTING) or {}
    return Control(
        draining=frozenset(document.get("draining", ())),
        cooldowns={slug: int(until) for slug, until in document.get("cooldowns", {}).items()},
    )


@transaction.atomic
def set_draining(deployment: str, is_draining: bool) -> None:
    """The caller records a config revision in the same transaction: draining changes decisions."""
    state, control = _locked()
    kept = control.draining - {deployment}
    _save(state, Control(kept | {deployment} if is_draining else kept, control.cooldowns))


@transaction.atomic
def set_cooldown(deployment: str, until_ms: int, now_ms: int) -> None:
    """until_ms in the past ends the cooldown. Drops cooldowns that are over and wakes the workers."""
    state, control = _locked()
    wanted = {**control.cooldowns, deployment: until_ms}
    state.serial += 1
    _save(state, Control(control.draining, {slug: until for slug, until in wanted.items() if until > now_ms}))


def _locked() -> tuple[InstallationState, Control]:
    state, _ = InstallationState.objects.select_for_update().get_or_create(id=1)
    return state, parse_control(state.settings)


def _save(state: InstallationState, control: Control) -> None:
    document = {"draining": sorted(control.draining), "cooldowns": dict(control.cooldowns)}
    state.settings = {**state.settings, SETTING: document}
    state.save(update_fields=["settings", "serial"])
