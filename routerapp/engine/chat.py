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


class Impossible(msgspec.Struct, frozen=True):
    """Something of a chat that an upstream has no words for. is_droppable: the rest still means something without it."""

    field: str
    reason: str
    is_droppable: bool = True


class Chat(msgspec.Struct, frozen=True, gc=False):
    """One request: a chat in the caller's dialect, or what another endpoint takes.

    fields: top-level name -> its JSON bytes exactly as sent, router extras removed; what goes upstream natively is spliced from these.
    messages, tools: in the OpenAI shape whatever the dialect, decoded once, for features and for adapters of other dialects.
    dialect: openai or anthropic. endpoint: chat or embeddings. openai_fields: the fields in the OpenAI shape where fields are not;
    untranslated: what of them has no place there, so that only an upstream of the same dialect can take it.
    token_inputs: lengths of the inputs that came as token numbers, whose text nobody here can read.
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
    dialect: str = "openai"
    endpoint: str = "chat"
    openai_fields: Mapping[str, bytes] = {}
    untranslated: tuple[Impossible, ...] = ()
    token_inputs: tuple[int, ...] = ()

    @property
    def shared_fields(self) -> Mapping[str, bytes]:
        """The top-level fields in the OpenAI shape: what every adapter can read."""
        return self.fields if self.dialect == "openai" else self.openai_fields

    @property
    def answers_wanted(self) -> int:
        """n of the request; what is not a number is the upstream's to refuse."""
        wanted = self.shared_fields.get("n", b"1")
        return max(int(wanted), 1) if wanted.isdigit() and len(wanted) < 6 else 1
