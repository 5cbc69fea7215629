"""What every page shows around its content: navigation, theme, the sample-data badge. A context processor, lazy."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property

from dashboard.roles import can
from routerapp.models import AlertIncident, InstallationState
from routerapp.serving.welcome import is_welcome_open

ALERTS = "dashboard:alert-list"
NAVIGATION = (
    ("Overview", "overview", "dashboard:overview"),
    ("Requests", "requests", "dashboard:request-list"),
    ("Policies", "policies", "dashboard:policy-list"),
    ("Experiments", "experiments", "dashboard:experiment-list"),
    ("Evaluation", "evaluation", "dashboard:evaluation"),
    ("Playground", "playground", "dashboard:playground"),
    ("Models", "models", "dashboard:language-model-list"),
    ("Providers", "providers", "dashboard:provider-list"),
    ("Keys and budgets", "keys", "dashboard:key-list"),
    ("Alerts", "alerts", ALERTS),
    ("Users", "users", "dashboard:user-list"),
    ("Audit", "audit", "dashboard:audit"),
    ("System", "system", "dashboard:system"),
)
# What a page needs beyond reading; it is not offered to whom it would refuse.
NEEDS = {
    "dashboard:key-list": "read_keys",
    "dashboard:user-list": "read_people",
    "dashboard:audit": "read_audit",
    "dashboard:system": "read_system",
}
# The key that goes there after g, by icon: one place for the shortcut and the list of shortcuts.
LETTERS = {
    "overview": "o",
    "requests": "r",
    "policies": "p",
    "experiments": "x",
    "evaluation": "e",
    "playground": "g",
    "models": "m",
    "providers": "v",
    "keys": "k",
    "users": "u",
    "audit": "a",
    "alerts": "l",
    "system": "s",
}


class Item(NamedTuple):
    """letter: pressed after g; empty where there is none. badge: how many things there want looking at."""

    label: str
    icon: str
    url: str
    is_current: bool
    letter: str = ""
    badge: int = 0


class Shell:
    """Read only by templates; each value costs nothing until it is used."""

    themes = (("system", "System"), ("light", "Light"), ("dark", "Dark"))

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._path = request.path
        self._cookie = request.COOKIES.get("theme", "")

    @property
    def theme(self) -> str:
        """What the person chose; system when they chose nothing we know."""
        return self._cookie if self._cookie in dict(self.themes) else "system"

    @cached_property
    def navigation(self) -> list[Item]:
        return [self._item(*entry) for entry in NAVIGATION if can(self._request, NEEDS.get(entry[2], "read"))]

    @cached_property
    def has_sample_data(self) -> bool:
        return InstallationState.objects.filter(pk=1, sample_data=True).exists()

    @cached_property
    def offers_welcome(self) -> bool:
        """Whether to lead an admin back to the first-run wizard."""
        return can(self._request, "edit_settings") and is_welcome_open()

    def _item(self, label: str, icon: str, name: str) -> Item:
        url = reverse(name)
        is_current = self._path == url or (url != "/" and self._path.startswith(url))
        badge = AlertIncident.objects.filter(closed_at=None).count() if name == ALERTS else 0
        return Item(label, icon, url, is_current, LETTERS.get(icon, ""), badge)


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
