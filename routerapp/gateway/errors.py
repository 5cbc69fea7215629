"""Error answers in the shape of the caller's dialect: a stable code, a plain sentence, who is at fault, and the request id. Never a traceback."""

from __future__ import annotations

import math

import orjson

from routerapp.serving.served import Refused


def error_body(refused: Refused, request_id: str, dialect: str = "openai") -> bytes:
    if dialect == "anthropic":
        return orjson.dumps(refused.to_message_error(request_id))
    return orjson.dumps({"error": refused.to_error(request_id)})


def error_headers(refused: Refused, request_id: str) -> dict[str, str]:
    headers = {"x-router-request-id": request_id, **refused.headers}
    if refused.retry_after_ms is not None:
        headers["retry-after"] = str(max(1, math.ceil(refused.retry_after_ms / 1000)))
    if refused.status == 402:
        # Official clients repeat some refusals by themselves; this one stays until the budget is raised or the day ends.
        headers["x-should-retry"] = "false"
    return headers
