"""What a caller asked for, in a form that loses nothing: decoded where the engine must look, raw bytes everywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class RouterExtras:
    """Body extras of DESIGN §7, validated; they are stripped before anything goes upstream. They can only narrow."""

    policy: str | None = None
    version: int | None = None
    models: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    sticky_key: str | None = None
    objective: Mapping[str, float] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)
    explain: bool = False
    dry_run: bool = False


class Chat(msgspec.Struct, frozen=True, gc=False):
    """One chat request in the OpenAI shape.

    fields: top-level name -> its JSON bytes exactly as sent, router extras removed; what goes upstream is spliced from these.
    messages, tools: decoded once, for features and for adapters of other dialects.
    """

    requested_model: str
    fields: Mapping[str, bytes]
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    is_streaming: bool = False
    wants_stream_usage: bool = False
    max_tokens: int | None = None
    response_format: str | None = None
    extras: RouterExtras = RouterExtras()
    headers: Mapping[str, str] = {}
    body_bytes: int = 0
