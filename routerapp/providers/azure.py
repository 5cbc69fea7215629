"""Azure OpenAI: the OpenAI dialect behind Azure's addresses, its api-key header and its content filter. Pure.

With options.api_version the dated API of one deployment is called; without it the v1 API, which takes the deployment's name as model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from routerapp.engine.chat import Chat
from routerapp.providers.base import ChunkFacts, EventReader, Reply, Target
from routerapp.providers.errors import ProviderError, UpstreamRejected
from routerapp.providers.openai import OpenAIAdapter, OpenAIEvents
from routerapp.providers.sse import data_of

_FILTER_CODES = frozenset({"content_filter", "responsibleaipolicyviolation"})
_FILTER_RESULTS = ("content_filter_result", "content_filter_results")


class AzureAdapter(OpenAIAdapter):
    kind = "azure"

    def url(self, target: Target, path: str) -> str:
        base = resource_of(target.base_url)
        version = target.options.get("api_version")
        if not version:
            return f"{base}/openai/v1{path}"
        deployment = quote(target.upstream_model, safe="")
        return f"{base}/openai/deployments/{deployment}{path}?api-version={quote(str(version), safe='')}"

    def credential_headers(self, target: Target) -> dict[str, str]:
        return {"api-key": target.credential} if target.credential else {}

    def read_reply(self, chat: Chat, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            return super().read_reply(chat, status, headers, body)
        except UpstreamRejected as error:
            raise _filtered(error, body) or error from None

    def open_events(self, chat: Chat) -> EventReader:
        return _EVENTS


class AzureEvents(OpenAIEvents):
    """The OpenAI events, but for the one before the first token that has no choice: clients take the first choice of every event."""

    def read(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        passed, facts = super().read(event)
        if (
            b'"prompt_filter_results"' in event
            and facts.error is None
            and facts.usage is None
            and _has_no_choice(event)
        ):
            return b"", facts
        return passed, facts


_EVENTS = AzureEvents()


def _has_no_choice(event: bytes) -> bool:
    data = data_of(event)
    return data is not None and not msgspec.json.decode(data).get("choices")


def resource_of(base_url: str) -> str:
    """The resource's address, whether or not the path of one of its APIs was written behind it."""
    return base_url.rstrip("/").removesuffix("/v1").removesuffix("/openai")


def _filtered(error: UpstreamRejected, body: bytes) -> ProviderError | None:
    """A prompt the content filter refused, with the filters that did so named; None for any other refusal."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    detail = document.get("error") if isinstance(document, dict) else None
    if not isinstance(detail, dict):
        return None
    stated = detail.get("innererror")
    inner: dict[str, Any] = stated if isinstance(stated, dict) else {}
    codes = {str(code).lower() for code in (detail.get("code"), inner.get("code")) if code}
    if not codes & _FILTER_CODES:
        return None
    names = ", ".join(_triggered(detail) or _triggered(inner))
    message = "Azure's content filter refused the prompt" + (f" ({names})." if names else ".")
    return UpstreamRejected(message, http_status=error.http_status, body=error.body)


def _triggered(detail: Mapping[str, Any]) -> list[str]:
    """Names of the filters that were triggered: words of Azure's, cut short because they come from outside."""
    for member in _FILTER_RESULTS:
        results = detail.get(member)
        if isinstance(results, dict):
            return [
                str(name)[:40]
                for name, verdict in list(results.items())[:20]
                if isinstance(verdict, dict) and (verdict.get("filtered") is True or verdict.get("detected") is True)
            ]
    return []
