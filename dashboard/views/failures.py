"""The page of last resort: what went wrong stands in the log, and a database that is away is said to be. Must not ask the database itself."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from routerapp.store.availability import is_database_away

MESSAGES = {
    "database_unavailable": "The database does not answer; try again.",
    "internal_error": "Something went wrong here; the log of the server has it.",
}


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls this while the exception is being handled, also for one of a middleware."""
    is_away = is_database_away(sys.exc_info()[1])
    status, code = (503, "database_unavailable") if is_away else (500, "internal_error")
    response: HttpResponse
    if request.path.startswith("/api/"):
        response = JsonResponse({"error": {"code": code, "message": MESSAGES[code], "details": []}}, status=status)
    else:
        response = HttpResponse(render_to_string(f"{status}.html"), status=status)
    if is_away:
        response["Retry-After"] = "1"
    return response
