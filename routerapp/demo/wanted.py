"""Whether the demo workspace is still to be made: asked for at the first start, made once, also after an interruption."""

from __future__ import annotations

from django.db import transaction

from routerapp.models import InstallationState

WANTED, MADE = "wanted", "made"


@transaction.atomic
def note_demo_made() -> None:
    state = InstallationState.objects.select_for_update().get(id=1)
    state.settings = {**state.settings, "demo": MADE}
    state.save(update_fields=["settings"])


def wants_demo() -> bool:
    """The first start wrote that it is wanted (serving/installation.py)."""
    return InstallationState.objects.filter(id=1, settings__demo=WANTED).exists()
