"""Google's errors (google.rpc.Status) as the tree of ours. https://ai.google.dev/gemini-api/docs/troubleshooting, google/rpc/error_details.proto."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from routerapp.providers.errors import CredentialRejected, ProviderError, RateLimited, UpstreamUnavailable
from routerapp.providers.failures import LONGEST_WAIT_MS, error_of

_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 503,
    "ABORTED": 503,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
# An account that may not call, whatever the status it is said with.
_ACCOUNT_REASONS = ("API_KEY_", "SERVICE_DISABLED", "BILLING_", "CONSUMER_", "ACCESS_TOKEN_", "CREDENTIALS_")
_DURATION = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?s", re.ASCII)


def stated_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error behind an answer that is not 2xx, or behind an error object in a 2xx one."""
    detail = _error_in(body)
    word = detail.get("status")
    # FAILED_PRECONDITION is about the account too: a country without the free tier, a project without billing.
    if word == "FAILED_PRECONDITION" or any(reason.startswith(_ACCOUNT_REASONS) for reason in _reasons(detail)):
        return CredentialRejected(f"The upstream refused our credential ({status}).", http_status=status)
    known = _STATUSES.get(word) if isinstance(word, str) else None
    code = detail.get("code")
    if known is None and type(code) is int and 400 <= code < 600:
        known = code
    if known is None:
        known = status if status >= 300 else 500
    error = error_of(known, headers, body)
    error.http_status = status
    if isinstance(error, RateLimited | UpstreamUnavailable) and error.retry_after_ms is None:
        error.retry_after_ms = _retry_delay_ms(detail)
    return error


def _error_in(body: bytes) -> Mapping[str, Any]:
    """An error may stand in a list, which is how an unstreamed streamGenerateContent answers."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    if isinstance(document, list) and document:
        document = document[0]
    detail = document.get("error") if isinstance(document, dict) else None
    return detail if isinstance(detail, dict) else {}


def _details(detail: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    listed = detail.get("details")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and str(one.get("@type", "")).endswith(kind):
            yield one


def _reasons(detail: Mapping[str, Any]) -> list[str]:
    return [str(one.get("reason", "")) for one in _details(detail, "google.rpc.ErrorInfo")]


def _retry_delay_ms(detail: Mapping[str, Any]) -> int | None:
    """RetryInfo's retryDelay, a duration such as 34.07s. At most a day."""
    for one in _details(detail, "google.rpc.RetryInfo"):
        found = _DURATION.fullmatch(str(one.get("retryDelay", "")))
        if found:
            whole, part = int(found[1]), float(f"0.{found[2] or 0}")
            return min(round((whole + part) * 1000), LONGEST_WAIT_MS)
    return None
