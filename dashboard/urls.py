"""The dashboard's sitemap. A view that names no action cannot be put on it."""

from typing import Any

from django.urls import URLPattern, path

from dashboard.views import access, overview

app_name = "dashboard"


def page(route: str, view: Any, name: str) -> URLPattern:
    if not hasattr(view, "required_role"):
        raise TypeError(f"{view.__module__}.{view.__name__} names no action: use @allowed_to or @open_to_everyone.")
    return path(route, view, name=name)


urlpatterns = [
    page("", overview.overview, "overview"),
    page("sign-in/", access.sign_in, "sign-in"),
    page("sign-out/", access.sign_out, "sign-out"),
    page("password/", access.password, "password"),
    page("theme/", access.theme, "theme"),
    page("sample-data/remove/", access.remove_sample_data, "sample-data-remove"),
]
