"""One view answers page and fragment: the fragment is the {% partialdef %} named like the id of htmx's target.

Nothing here knows a page; a request without htmx, a history restore or an unknown target gets the whole page.
"""

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

from routerapp.models import User


class PageRequest(HttpRequest):
    """A request as the middleware leaves it for the pages of people who are signed in."""

    htmx: HtmxDetails
    user: User


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    fragments: Collection[str] = (),
    status: int = 200,
    with_messages: bool = False,
) -> HttpResponse:
    """fragments: partials of the template that may be asked for alone. with_messages appends the messages out of band."""
    name = asked_fragment(request, fragments)
    response = render(request, f"{template}#{name}" if name else template, dict(context or {}), status=status)
    if name and with_messages:
        messages = render_to_string("_components/messages.html", {"is_out_of_band": True}, request)
        response.content += messages.encode()
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def asked_fragment(request: HttpRequest, fragments: Collection[str]) -> str | None:
    """htmx 4 sends HX-Target as tag#id and HX-Request-Type: full when it swaps the body or selects from a page."""
    htmx = getattr(request, "htmx", None)
    if not htmx or htmx.history_restore_request or htmx.request_type == "full":
        return None
    target = (htmx.target or "").rpartition("#")[2]
    return target if target in fragments else None
