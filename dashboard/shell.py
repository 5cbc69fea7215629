"""What every page shows around its content: navigation, theme, the sample-data badge. A context processor, lazy."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property

from dashboard.roles import can
from routerapp.models import InstallationState

NAVIGATION = (
    ("Overview", "overview", "dashboard:overview"),
    ("Requests", "requests", "dashboard:request-list"),
    ("Policies", "policies", "dashboard:policy-list"),
    ("Experiments", "experiments", "dashboard:experiment-list"),
    ("Playground", "playground", "dashboard:playground"),
    ("Models", "models", "dashboard:language-model-list"),
    ("Providers", "providers", "dashboard:provider-list"),
    ("Keys and budgets", "keys", "dashboard:key-list"),
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


class Item(NamedTuple):
    label: str
    icon: str
    url: str
    is_current: bool


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

    def _item(self, label: str, icon: str, name: str) -> Item:
        url = reverse(name)
        return Item(label, icon, url, self._path == url or (url != "/" and self._path.startswith(url)))


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
