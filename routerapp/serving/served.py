"""What serving hands back for one chat: an answer, or the reason there is none. HTTP words only; who writes bytes to a socket is the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.types import Decision

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_MESSAGE_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {
    "rate_limited": "refused_limit",
    "budget_exceeded": "refused_budget",
    "refused_by_policy": "refused_policy",
    "no_eligible_model": "no_candidate",
    "no_capable_model": "no_candidate",
}


@dataclass(slots=True)
class Served:
    """body is set for a plain answer, stream for a streamed one; both in the shape of `dialect`. headers are ready to send.

    The records are complete when body is there, or when stream has been read to its end or closed.
    """

    decision_id: str
    decision: Decision
    status: int
    headers: Mapping[str, str]
    body: bytes | None = None
    stream: AsyncGenerator[bytes, None] | None = None
    dialect: str = "openai"


class Refused(Exception):
    """No answer, and why. code is stable (docs/api.md); source is who can change it: client, policy, router or provider.

    detail goes into the error object as it is, so it must not quote prompt text.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        source: str = "client",
        param: str | None = None,
        retry_after_ms: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.source = source
        self.param = param
        self.retry_after_ms = retry_after_ms
        self.detail = detail or {}
        self.headers: dict[str, str] = {}
        self.decision_id = ""

    def to_error(self, request_id: str) -> dict[str, Any]:
        """The OpenAI error object; detail may add members (router, attempts) but not replace ours."""
        return {
            **self.detail,
            "message": self.message,
            "type": _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error"),
            "param": self.param,
            "code": self.code,
            "source": self.source,
            "request_id": request_id,
        }

    def to_message_error(self, request_id: str) -> dict[str, Any]:
        """The same in the shape of the Messages dialect, whose types are a closed set; our code and detail stand beside them."""
        error = self.to_error(request_id)
        return {
            "type": "error",
            "error": error | {"type": _MESSAGE_TYPES.get(self.status) or message_error_type(error["type"])},
            "request_id": request_id,
        }

    @property
    def request_status(self) -> str:
        """The status this request is recorded with."""
        return _STATUSES.get(self.code) or ("invalid" if self.status < 500 else "upstream_error")


def message_error_type(kind: Any) -> str:
    """Of the OpenAI shape's types the one the Messages dialect has for the same."""
    if kind == "insufficient_quota":
        return "billing_error"
    return kind if isinstance(kind, str) and kind in _MESSAGE_TYPES.values() else "api_error"


def database_unavailable() -> Refused:
    """For what only the database knows; everything decided from the snapshot goes on without it."""
    message = "This cannot be answered while the database does not answer; send it again in a moment."
    return Refused(503, "database_unavailable", message, source="router", retry_after_ms=1_000)


def internal_error() -> Refused:
    """The last resort: something of ours broke. What it was stands in the log under the request's id."""
    return Refused(500, "internal_error", "Signalbox failed while serving this request.", source="router")
