"""Where each kind of upstream lists its models, and how it wants to be asked: the cheapest question that tells whether it can be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from routerapp.providers.anthropic.settings import version_of
from routerapp.providers.azure import resource_of

Question = tuple[str, tuple[tuple[str, str], ...]]


def models_question(kind: str, base_url: str, credential: str | None, options: Mapping[str, Any]) -> Question:
    """(address, headers) of a GET; hashable, so that deployments which share both share one question."""
    base = base_url.rstrip("/")
    if kind == "azure":
        version = options.get("api_version")
        path = f"/openai/models?api-version={quote(str(version), safe='')}" if version else "/openai/v1/models"
        return resource_of(base) + path, _key("api-key", credential)
    if kind == "gemini":
        return f"{base}/models", _key("x-goog-api-key", credential)
    if kind == "anthropic":
        version_header = ("anthropic-version", version_of(options))
        return base.removesuffix("/v1") + "/v1/models", (version_header, *_key("x-api-key", credential))
    return f"{base}/models", _key("authorization", credential and f"Bearer {credential}")


def _key(header: str, value: str | None) -> tuple[tuple[str, str], ...]:
    return ((header, value),) if value else ()
