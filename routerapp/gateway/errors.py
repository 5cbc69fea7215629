"""Error answers in the OpenAI shape: a stable code, a plain sentence, who is at fault, and the request id. Never a traceback."""

from __future__ import annotations

import math
from typing import Any

import orjson

from routerapp.serving.served import Refused

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


def error_object(refused: Refused, request_id: str) -> dict[str, Any]:
    """detail may add members (router, attempts) but not replace ours."""
    kind = _TYPES.get(refused.status, "invalid_request_error" if refused.status < 500 else "api_error")
    return {
        **refused.detail,
        "message": refused.message,
        "type": kind,
        "param": refused.param,
        "code": refused.code,
        "source": refused.source,
        "request_id": request_id,
    }


def error_body(refused: Refused, request_id: str) -> bytes:
    return orjson.dumps({"error": error_object(refused, request_id)})


def error_headers(refused: Refused, request_id: str) -> dict[str, str]:
    headers = {"x-router-request-id": request_id, **refused.headers}
    if refused.retry_after_ms is not None:
        headers["retry-after"] = str(max(1, math.ceil(refused.retry_after_ms / 1000)))
    if refused.status == 402:
        # Official clients repeat some refusals by themselves; this one stays until the budget is raised or the day ends.
        headers["x-should-retry"] = "false"
    return headers


def internal_error() -> Refused:
    return Refused(500, "internal_error", "Signalbox failed while serving this request.", source="router")
