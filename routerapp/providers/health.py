"""One active health check: ask an upstream for its model list, over the control path and its egress guard. Nothing is retried."""

from __future__ import annotations

import time
from dataclasses import dataclass

import httpx

from routerapp.providers.errors import (
    BadAnswer,
    ConnectFailed,
    ConnectTimeout,
    CredentialRejected,
    EgressRefused,
    FirstTokenTimeout,
    ProviderError,
    RateLimited,
    StreamBroken,
    UpstreamUnavailable,
)
from routerapp.providers.model_lists import Question


@dataclass(frozen=True, slots=True)
class Health:
    """error_class is empty when the upstream answered; latency_ms is None when it did not."""

    ok: bool
    latency_ms: int | None = None
    error_class: str = ""


def check_models(client: httpx.Client, question: Question) -> Health:
    """Asks for the upstream's models, within the client's timeouts."""
    url, headers = question
    started = time.monotonic()
    try:
        response = client.get(url, headers=dict(headers))
    except ProviderError as error:
        return Health(False, None, error.error_class)
    except httpx.ConnectTimeout:
        return Health(False, None, ConnectTimeout.error_class)
    except httpx.TimeoutException:
        return Health(False, None, FirstTokenTimeout.error_class)
    except httpx.ConnectError:
        return Health(False, None, ConnectFailed.error_class)
    except httpx.TransportError:
        return Health(False, None, StreamBroken.error_class)
    except (httpx.InvalidURL, ValueError):
        return Health(False, None, EgressRefused.error_class)
    latency_ms = round((time.monotonic() - started) * 1000)
    error_class = _error_class(response.status_code)
    return Health(not error_class, latency_ms, error_class)


def _error_class(status: int) -> str:
    # 404 and 405 are an answer: not every compatible server lists its models.
    if status in (200, 404, 405):
        return ""
    if status in (401, 402, 403):
        return CredentialRejected.error_class
    if status == 429:
        return RateLimited.error_class
    return UpstreamUnavailable.error_class if status >= 500 else BadAnswer.error_class
