"""Reads an upstream's error, in whatever shape it comes, into one ProviderError. What may leak to a caller is decided here."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from routerapp.providers.errors import (
    BadAnswer,
    ContextTooLong,
    CredentialRejected,
    ModelGone,
    ProviderError,
    RateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)

_CONTEXT_WORDS = re.compile(
    rb"context_length_exceeded|maximum context length|context window|context length|prompt is too long"
    rb"|input is too long|too many (input )?tokens|reduce the length|exceeds? the (maximum|max).{0,30}tokens",
    re.IGNORECASE,
)
_CREDENTIAL_CODES = frozenset(
    {"invalid_api_key", "api_key_invalid", "authentication_error", "permission_denied"}
    | {"permission_error", "billing_error"}
)
_MODEL_CODES = frozenset({"model_not_found", "model_not_available", "model_decommissioned", "not_found_error"})
_LONG_QUOTE = re.compile(r"(?<!\w)([\"'`]).{40,}?(?:\1|$)", re.DOTALL)
_REQUEST_CODES = frozenset({"invalid_request_error", "invalid_request", "bad_request"})
_MESSAGE_CHARACTERS = 300
LONGEST_WAIT_MS = 24 * 3600 * 1000


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error behind an HTTP answer that is not 2xx."""
    if 300 <= status < 400:
        return BadAnswer(
            f"The upstream answered with a redirect ({status}), which is never followed.", http_status=status
        )
    detail = _error_object(body)
    codes = _codes_of(detail)
    if status in (401, 402, 403) or (400 <= status < 500 and codes & _CREDENTIAL_CODES):
        return CredentialRejected(f"The upstream refused our credential ({status}).", http_status=status)
    if status in (404, 405, 410) or (status < 500 and codes & _MODEL_CODES):
        return ModelGone(f"The upstream does not have this model or path ({status}).", http_status=status)
    message = _message_of(detail) or f"The upstream answered {status}."
    if status == 429:
        return RateLimited(message, http_status=status, retry_after_ms=retry_after_ms(headers))
    if status >= 500 or status in (408, 409, 425):
        return UpstreamUnavailable(message, http_status=status, retry_after_ms=retry_after_ms(headers))
    passed_on = body if detail is not None else None
    if status == 413 or _CONTEXT_WORDS.search(body):
        return ContextTooLong(message, http_status=status, body=passed_on)
    return UpstreamRejected(message, http_status=status, body=passed_on)


def error_inside(detail: Any, body: bytes) -> ProviderError:
    """The error behind an error object that came with status 200, whole or as a streamed event."""
    stated = _stated_status(detail)
    if stated is not None:
        return error_of(stated, {}, body)
    codes = _codes_of(detail)
    if any("rate_limit" in code or "quota" in code for code in codes):
        return error_of(429, {}, body)
    if codes & (_CREDENTIAL_CODES | _MODEL_CODES | _REQUEST_CODES) or _CONTEXT_WORDS.search(body):
        return error_of(400, {}, body)
    return UpstreamUnavailable(_message_of(detail) or "The upstream sent an error.", http_status=200)


def retry_after_ms(headers: Mapping[str, str], now: datetime | None = None) -> int | None:
    """retry-after-ms, or Retry-After in seconds or as a date; None when missing or unreadable. At most a day."""
    for name, factor in (("retry-after-ms", 1), ("retry-after", 1000)):
        text = headers.get(name, "").strip()
        if not text:
            continue
        try:
            wait = float(text) * factor
        except ValueError:
            return _wait_until(text, now or datetime.now(UTC)) if name == "retry-after" else None
        return int(min(wait, LONGEST_WAIT_MS)) if wait >= 0 else None
    return None


def _wait_until(text: str, now: datetime) -> int | None:
    try:
        instant = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    wait = (instant - now).total_seconds() * 1000
    return int(min(max(wait, 0), LONGEST_WAIT_MS))


def _error_object(body: bytes) -> Any:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return None
    return document.get("error") or document


def _codes_of(detail: Any) -> frozenset[str]:
    if not isinstance(detail, dict):
        return frozenset()
    words = (detail.get(name) for name in ("code", "type", "status"))
    return frozenset(word.lower() for word in words if isinstance(word, str))


def _stated_status(detail: Any) -> int | None:
    if not isinstance(detail, dict):
        return None
    for name in ("status", "code", "status_code"):
        value = detail.get(name)
        if isinstance(value, str) and value.isdecimal() and len(value) == 3:
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _message_of(detail: Any) -> str:
    """The upstream's sentence without long quotations: they may repeat the prompt, and messages are kept."""
    message = detail.get("message") or detail.get("detail") if isinstance(detail, dict) else detail
    if not isinstance(message, str):
        return ""
    return _LONG_QUOTE.sub("\\1…\\1", message[:1000])[:_MESSAGE_CHARACTERS]
