"""The seam between our requests and a vendor's API: two pure mappings (adapter) and one way to send bytes (transport).

Adapters never do I/O, keep state or retry; transports never look inside a body. Reliability wraps both once, in serving/attempts.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.chat import Impossible as Impossible
from routerapp.providers.errors import ProviderError

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
ERROR_BODY_LIMIT_BYTES = 64 * 1024
# The only headers of a caller's that an adapter may send on; they change what an upstream answers.
CALLERS_HEADERS = ("anthropic-version", "anthropic-beta")


@dataclass(frozen=True, slots=True)
class Target:
    """Where one deployment is reached. credential is plain text, in memory only. options, preset: the provider's own.

    max_output_tokens: what its model gives at most, where that is known.
    """

    deployment: str
    kind: str
    base_url: str
    upstream_model: str
    credential: str | None = field(default=None, repr=False)
    simulation: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    preset: str = ""
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """One HTTP request, complete. headers hold the credential, so they are kept out of repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    is_streaming: bool
    target: Target


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the upstream counted them; None is not said.

    cached_tokens (read from its prompt cache) and cache_write_tokens (written to it) are parts of input_tokens.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer, in the caller's dialect where the adapter is native to it, else in the OpenAI shape.

    text_bytes: UTF-8 length of what was generated, for counting when usage is missing. raw_usage: the usage as the body has it, an object;
    empty where nobody looked.
    """

    body: bytes = field(repr=False)
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str = ""
    upstream_id: str = ""
    text_bytes: int = 0
    raw_usage: bytes = field(default=b"", repr=False)


class ChunkFacts(msgspec.Struct, frozen=True):
    """What one streamed event says. usage: all that is known so far. finished: how many choices it closes.

    is_usage_only: what is passed holds nothing but the usage, and is held back. is_done: what is passed is the dialect's own last
    event (or the usage, see above), and is held back too. usage_event: the usage so far as an event of its own, for upstreams that
    send it beside other things; held back like a usage-only one.
    """

    usage: Usage | None = None
    finish_reason: str | None = None
    text_bytes: int = 0
    is_done: bool = False
    error: ProviderError | None = None
    is_usage_only: bool = False
    is_comment: bool = False
    finished: int = 0
    model: str = ""
    upstream_id: str = ""
    usage_event: bytes = b""


class EventReader(Protocol):
    """Reads one streamed answer, event by event; may keep state between them."""

    def read(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        """The bytes for the caller (b"", or one or more whole events) and what they say. An error comes back as facts.error."""


class Adapter(Protocol):
    """One vendor dialect. A new provider is one of these, its test file and one line in the registry.

    native: the caller dialects it takes and gives unchanged; any other chat it reads through chat.shared_fields and answers in the
    OpenAI shape.
    """

    kind: str
    native: frozenset[str]

    def impossible(self, chat: Chat, target: Target) -> tuple[Impossible, ...]:
        """What of the chat cannot be asked there; asked before every attempt, so cheap and pure."""

    def build_request(self, chat: Chat, target: Target, parameters: Mapping[str, Any]) -> UpstreamRequest:
        """Leaves out what is impossible: whether that is acceptable was asked before."""

    def read_reply(self, chat: Chat, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises ProviderError for anything that is not a complete answer."""

    def open_events(self, chat: Chat) -> EventReader: ...


def dialect_of(adapter: Adapter, chat: Chat) -> str:
    """The shape in which this adapter answers this chat."""
    return chat.dialect if chat.dialect in adapter.native else "openai"


def impossible_at(adapter: Adapter, chat: Chat, target: Target) -> tuple[Impossible, ...]:
    """What of the chat cannot be asked there, what was lost on the way to the OpenAI shape included."""
    own = adapter.impossible(chat, target)
    return own if chat.dialect in adapter.native else (*chat.untranslated, *own)


class Upstream(Protocol):
    """An answer whose head has arrived. Exactly one of close (it was read to the end) or abort ends it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names."""

    @property
    def connect_ms(self) -> int | None:
        """None when a pooled connection was used."""

    async def read(self, limit: int) -> bytes:
        """The whole body; raises AnswerTooLarge past limit, StreamBroken when it is cut."""

    def whole(self) -> bytes | None:
        """The whole body, where nobody has read of it and all of it is here; None where there is something to wait for."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Body bytes as they come; nothing is read ahead of the consumer beyond one small buffer."""

    async def close(self) -> None: ...

    def abort(self) -> None:
        """Drops the connection now, so that the upstream stops working for nobody."""


class Transport(Protocol):
    async def open(self, request: UpstreamRequest, connect_ms: int) -> Upstream:
        """Sends and waits for the head. Raises ConnectFailed, ConnectTimeout, EgressRefused, StreamBroken or BadAnswer."""

    async def close(self) -> None: ...
