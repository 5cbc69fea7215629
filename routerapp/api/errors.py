"""Every refusal of the management API in one shape: {"error": {"code", "message", "details": [{"path", "code", "message"}]}}."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from routerapp.engine.problems import Problem
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing, Stale, WriteRefused
from routerapp.store.availability import is_database_away

log = logging.getLogger(__name__)
STATUS_OF_REFUSAL: dict[type[WriteRefused], int] = {NotAllowed: 403, Invalid: 422, Stale: 409, Missing: 404}


def answer_error(error: Exception, context: dict[str, Any]) -> Response:
    """The answer to any exception of a view. What we did not foresee is logged and told without a detail."""
    set_rollback()
    if isinstance(error, WriteRefused):
        return _refusal(error)
    if isinstance(error, Http404 | exceptions.NotFound):
        return _answer(404, "not_found", "There is nothing here.")
    if isinstance(error, PermissionDenied):
        return _answer(403, "not_allowed", "This is not allowed.")
    if isinstance(error, exceptions.ValidationError):
        return _answer(422, "invalid", "Some fields are wrong.", tuple(_flatten(error.detail, "")))
    if isinstance(error, exceptions.APIException):
        return _api_exception(error)
    log.error("unforeseen error in the management API", exc_info=error)
    if is_database_away(error):
        return _answer(503, "database_unavailable", "The database does not answer; try again.", retry_after=1)
    return _answer(500, "internal_error", "Something went wrong here; the log of the server has it.")


def _refusal(error: WriteRefused) -> Response:
    problems = error.problems if isinstance(error, Invalid) else ()
    message = str(error) if not problems else "This cannot be done as it is."
    response = _answer(STATUS_OF_REFUSAL[type(error)], error.code, message, problems)
    if isinstance(error, Stale):
        response.data["error"]["current_revision"] = error.current_revision
    return response


def _api_exception(error: exceptions.APIException) -> Response:
    codes = error.get_codes()
    response = _answer(error.status_code, codes if isinstance(codes, str) else error.default_code, str(error.detail))
    challenge = getattr(error, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    return response


def _answer(
    status_code: int, code: str, message: str, problems: tuple[Problem, ...] = (), retry_after: int | None = None
) -> Response:
    details = [{"path": p.path, "code": p.code, "message": p.message} for p in problems]
    response = Response({"error": {"code": code, "message": message, "details": details}}, status=status_code)
    if retry_after is not None and status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(retry_after)
    return response


def _flatten(detail: Any, path: str) -> Iterator[Problem]:
    """DRF's nested errors as a flat list with paths such as arms[1].weight."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else f"[{name}]" if isinstance(name, int) else str(name)
            joined = f"{path}.{part}" if path and part and not part.startswith("[") else path + part
            yield from _flatten(inner, joined)
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            is_leaf = isinstance(inner, exceptions.ErrorDetail)
            yield from _flatten(inner, path if is_leaf else f"{path}[{place}]")
    else:
        yield Problem(path, getattr(detail, "code", "invalid"), str(detail))
