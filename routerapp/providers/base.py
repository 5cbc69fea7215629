"""The seam between our requests and a vendor's API: two pure mappings (adapter) and one way to send bytes (transport).

Adapters never do I/O, keep state or retry; transports never look inside a body. Reliability wraps both once, in serving/attempts.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from routerapp.engine.chat import Chat
from routerapp.providers.errors import ProviderError

ANSWER_LIMIT_BYTES = 32 * 1024 * 1024
ERROR_BODY_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where one deployment is reached. credential is plain text, in memory only."""

    deployment: str
    kind: str
    base_url: str
    upstream_model: str
    credential: str | None = field(default=None, repr=False)
    simulation: Mapping[str, Any] = field(default_factory=dict)


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
    """Tokens as the upstream counted them; None is not said. cached_tokens are part of input_tokens."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer in the OpenAI shape. text_bytes: UTF-8 length of the answer, for counting when usage is missing."""

    body: bytes = field(repr=False)
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str = ""
    upstream_id: str = ""
    text_bytes: int = 0


class ChunkFacts(msgspec.Struct, frozen=True):
    """What one streamed event says. finished: how many choices it closes. is_usage_only: nothing in it but the usage."""

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


class Adapter(Protocol):
    """One vendor dialect. A new provider is one of these, its test file and one line in the registry."""

    kind: str

    def build_request(self, chat: Chat, target: Target, parameters: Mapping[str, Any]) -> UpstreamRequest: ...

    def read_reply(self, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        """Raises ProviderError for anything that is not a complete answer."""

    def read_event(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        """The bytes to pass to the caller (OpenAI shape) and what they say. An error comes back as facts.error."""


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

    def chunks(self) -> AsyncIterator[bytes]:
        """Body bytes as they come; nothing is read ahead of the consumer beyond one small buffer."""

    async def close(self) -> None: ...

    def abort(self) -> None:
        """Drops the connection now, so that the upstream stops working for nobody."""


class Transport(Protocol):
    async def open(self, request: UpstreamRequest, connect_ms: int) -> Upstream:
        """Sends and waits for the head. Raises ConnectFailed, ConnectTimeout, EgressRefused, StreamBroken or BadAnswer."""

    async def close(self) -> None: ...
