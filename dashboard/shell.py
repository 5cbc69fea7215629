"""What every page shows around its content: navigation and the sample-data badge. A context processor, lazy."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property

from routerapp.models import InstallationState

NAVIGATION = (
    ("Overview", "overview", "dashboard:overview"),
    ("Requests", "requests", "dashboard:request-list"),
    ("Policies", "policies", "dashboard:policy-list"),
    ("Playground", "playground", "dashboard:playground"),
    ("Models", "models", "dashboard:language-model-list"),
    ("Keys", "keys", "dashboard:key-list"),
)


class Item(NamedTuple):
    label: str
    icon: str
    url: str
    is_current: bool


class Shell:
    """Read only by templates; each value costs nothing until it is used."""

    def __init__(self, request: HttpRequest) -> None:
        self._path = request.path

    @cached_property
    def navigation(self) -> list[Item]:
        return [item for item in map(self._item, NAVIGATION) if item]

    @cached_property
    def has_sample_data(self) -> bool:
        return InstallationState.objects.filter(pk=1, sample_data=True).exists()

    def _item(self, entry: tuple[str, str, str]) -> Item | None:
        label, icon, name = entry
        try:
            url = reverse(name)
        except NoReverseMatch:
            return None
        is_current = self._path == url or (url != "/" and self._path.startswith(url))
        return Item(label, icon, url, is_current)


def shell(request: HttpRequest) -> dict[str, Any]:
    return {"shell": Shell(request)}
