"""Everything that can go wrong with an upstream, as one tree whose classes carry what to do about it. No I/O, no policy.

ProviderError
├── UpstreamRejected     400 422 …  the caller's fault: passed on, no retry, no fallback
│   └── ContextTooLong              the prompt does not fit: only a larger window helps
├── RateLimited          429        another target now; alone: wait as told
├── UpstreamUnavailable  5xx 408    retry, then fall back
├── CredentialRejected   401 402 403  ours is broken: fall back, alert, say nothing of the body
├── ModelGone            404 410    fall back
├── ConnectFailed                   refused, unreachable, name not found
│   └── TlsFailed                   certificate or handshake; never downgraded
├── UpstreamTimeout
│   ├── ConnectTimeout   ├── FirstTokenTimeout   ├── IdleTimeout   └── TotalTimeout
├── StreamBroken                    reset or cut before the answer was complete
├── BadAnswer                       rubbish, HTML, redirect, wrong shape
├── AnswerTooLarge
└── EgressRefused                   the address is not one we may talk to
"""

from __future__ import annotations

from typing import ClassVar

# A shorter beginning of a credential tells nobody anything: vendors print as much of it themselves.
_LEAST_TELLING = 8


class ProviderError(Exception):
    """One failed upstream call.

    is_retryable: the same deployment may answer a second time. prefers_fallback: another target comes before that.
    falls_back: the next target may be asked. cools_down: counts against the deployment's breaker.
    status: the attempt's recorded status. client_status: HTTP status for the caller when nothing else is left.
    http_status: what the upstream sent, 0 when there was no answer. body: the upstream's own error, only where it may be passed on.
    message is for operators and may name our account; caller_message is for the caller and may not.
    reached_model: the prompt was accepted, so the upstream may bill for it.
    """

    error_class: ClassVar[str] = "provider_error"
    status: ClassVar[str] = "upstream_error"
    is_retryable: ClassVar[bool] = False
    prefers_fallback: ClassVar[bool] = True
    falls_back: ClassVar[bool] = True
    cools_down: bool = True
    reached_model: ClassVar[bool] = False
    client_status: int = 502
    words: ClassVar[str] = "The upstream failed."

    def __init__(
        self, message: str, *, http_status: int = 0, retry_after_ms: int | None = None, body: bytes | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = http_status
        self.retry_after_ms = retry_after_ms
        self.body = body

    @property
    def caller_message(self) -> str:
        return self.words

    def conceal(self, credential: str | None) -> None:
        """Some upstreams quote the key they were sent; it goes neither into records nor to callers, whole or cut off."""
        if not credential:
            return
        self.message = self.message.replace(credential, "…")
        for length in range(len(credential) - 1, _LEAST_TELLING - 1, -1):
            if self.message.endswith(credential[:length]):
                self.message = self.message[:-length] + "…"
                break
        if self.body is not None:
            self.body = self.body.replace(credential.encode(), "…".encode())


class UpstreamRejected(ProviderError):
    error_class = "upstream_rejected"
    status = "invalid"
    falls_back = False
    cools_down = False

    def __init__(self, message: str, *, http_status: int = 400, body: bytes | None = None) -> None:
        super().__init__(message, http_status=http_status, body=body)
        self.client_status = http_status if 400 <= http_status < 500 else 400

    @property
    def caller_message(self) -> str:
        return self.message


class ContextTooLong(UpstreamRejected):
    error_class = "context_too_long"
    falls_back = True


class RateLimited(ProviderError):
    error_class = "rate_limited"
    words = "The upstream is rate limited."
    is_retryable = True
    client_status = 429


class UpstreamUnavailable(ProviderError):
    error_class = "upstream_unavailable"
    words = "The upstream failed to answer."
    is_retryable = True
    prefers_fallback = False


class CredentialRejected(ProviderError):
    error_class = "credential_rejected"
    words = "The upstream refused this router; its operator has to act."


class ModelGone(ProviderError):
    error_class = "model_gone"
    words = "The upstream does not serve this model."


class ConnectFailed(ProviderError):
    error_class = "connect_failed"
    words = "The upstream could not be reached."
    is_retryable = True


class TlsFailed(ConnectFailed):
    error_class = "tls_failed"
    is_retryable = False


class UpstreamTimeout(ProviderError):
    error_class = "timeout"
    words = "The upstream took too long."
    status = "timeout"
    client_status = 504
    reached_model = True


class ConnectTimeout(UpstreamTimeout):
    error_class = "connect_timeout"
    reached_model = False


class FirstTokenTimeout(UpstreamTimeout):
    error_class = "first_token_timeout"


class IdleTimeout(UpstreamTimeout):
    error_class = "idle_timeout"


class TotalTimeout(UpstreamTimeout):
    """Our own deadline over the whole plan: nothing may follow, and it says little about the deployment."""

    error_class = "total_timeout"
    falls_back = False
    cools_down = False


class StreamBroken(ProviderError):
    error_class = "stream_broken"
    words = "The upstream broke off before the answer was complete."
    is_retryable = True
    prefers_fallback = False
    reached_model = True


class BadAnswer(ProviderError):
    error_class = "bad_answer"
    words = "The upstream sent an unreadable answer."
    is_retryable = True
    reached_model = True


class AnswerTooLarge(ProviderError):
    error_class = "answer_too_large"
    words = "The upstream's answer was too large."
    cools_down = False
    reached_model = True


class EgressRefused(ProviderError):
    error_class = "egress_refused"
    words = "The upstream's address is not allowed."
