"""How a view gets an address: only when it names the action it serves."""

from typing import Any

from django.urls import URLPattern, path


def page(route: str, view: Any, name: str) -> URLPattern:
    """Refuses a view without @allowed_to or @open_to_everyone."""
    if not hasattr(view, "required_role"):
        raise TypeError(f"{view.__module__}.{view.__name__} names no action: use @allowed_to or @open_to_everyone.")
    return path(route, view, name=name)
