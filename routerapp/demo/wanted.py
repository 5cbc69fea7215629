"""Whether the demo workspace is still to be made: asked for at the first start, made once, also after an interruption."""

from __future__ import annotations

from django.db import transaction

from routerapp.models import InstallationState

WANTED, MADE = "wanted", "made"


@transaction.atomic
def _set(value: str) -> None:
    state = InstallationState.objects.select_for_update().get(id=1)
    state.settings = {**state.settings, "demo": value}
    state.save(update_fields=["settings"])


def note_first_start(*, is_demo: bool) -> None:
    _set(WANTED if is_demo else "refused")


def note_demo_made() -> None:
    _set(MADE)


def wants_demo() -> bool:
    return InstallationState.objects.filter(id=1, settings__demo=WANTED).exists()
