"""Sends requests to real upstreams: aiohttp behind the egress guard, one pool of connections per deployment. The data path.

No proxies from the environment, no redirects, no cookies, no header that is not on the list, and no answer without a limit.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from routerapp.providers.base import UpstreamRequest
from routerapp.providers.clock import Clock
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import (
    AnswerTooLarge,
    BadAnswer,
    ConnectFailed,
    ConnectTimeout,
    CredentialRejected,
    EgressRefused,
    ProviderError,
    StreamBroken,
    TlsFailed,
)

HEADERS_SENT = frozenset(
    {
        "accept",
        "accept-encoding",
        "anthropic-beta",
        "anthropic-version",
        "api-key",
        "authorization",
        "content-type",
        "traceparent",
        "user-agent",
        "x-api-key",
        "x-goog-api-key",
    }
)
KEEPALIVE_SECONDS = 20
ADDRESS_CACHE_SECONDS = 30
_DRAIN_SECONDS = 1.0
_OWN_HEADERS = {"user-agent": "signalbox", "accept-encoding": "identity"}

Lookup = Callable[[str, int], Awaitable[list[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedResolver(AbstractResolver):
    """Hands out only checked addresses; the connection is made to exactly these."""

    def __init__(self, guard: EgressGuard, lookup: Lookup = look_up) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        self._guard.check_addresses(host, addresses)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        return None


class AiohttpTransport:
    """Sessions are made on first use, inside the running loop. ssl_context: other trust anchors than the system's."""

    def __init__(
        self, guard: EgressGuard, clock: Clock, *, lookup: Lookup = look_up, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._clock = clock
        self._lookup = lookup
        self._ssl: ssl.SSLContext | bool = ssl_context or True
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._drains: set[asyncio.Task[None]] = set()

    async def open(self, request: UpstreamRequest, connect_ms: int) -> AiohttpUpstream:
        self._guard.check_url(request.url)
        headers = {name: value for name, value in request.headers.items() if name in HEADERS_SENT}
        timing = SimpleNamespace(started=0.0, connect_ms=None)
        try:
            response = await self._session(request.target.deployment).request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body,
                headers={**_OWN_HEADERS, **headers},
                allow_redirects=False,
                timeout=_timeout(connect_ms),
                trace_request_ctx=timing,
            )
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            raise error_behind(problem) from problem
        return AiohttpUpstream(response, timing.connect_ms, self._drains)

    async def close(self) -> None:
        for drain in tuple(self._drains):
            drain.cancel()
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, deployment: str) -> aiohttp.ClientSession:
        session = self._sessions.get(deployment)
        if session is None:
            session = self._sessions[deployment] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    ttl_dns_cache=ADDRESS_CACHE_SECONDS,
                    keepalive_timeout=KEEPALIVE_SECONDS,
                    resolver=GuardedResolver(self._guard, self._lookup),
                    ssl=self._ssl,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[self._connection_timer()],
            )
        return session

    def _connection_timer(self) -> aiohttp.TraceConfig:
        """Notes how long a new connection took; a pooled one leaves no note."""

        async def started(session: Any, context: Any, params: Any) -> None:
            context.trace_request_ctx.started = self._clock.monotonic()

        async def ended(session: Any, context: Any, params: Any) -> None:
            timing = context.trace_request_ctx
            timing.connect_ms = round((self._clock.monotonic() - timing.started) * 1000)

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(started)
        trace.on_connection_create_end.append(ended)
        return trace


class AiohttpUpstream:
    """Its own iterator over packets, so that dropping it midway leaves no generator behind."""

    def __init__(
        self, response: aiohttp.ClientResponse, connect_ms: int | None, drains: set[asyncio.Task[None]]
    ) -> None:
        self._response = response
        self._drains = drains
        self.connect_ms = connect_ms
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def read(self, limit: int) -> bytes:
        parts, size = [], 0
        async for packet in self:
            parts.append(packet)
            size += len(packet)
            if size > limit:
                self.abort()
                raise AnswerTooLarge(f"The answer is larger than {limit} bytes.", http_status=self.status)
        return b"".join(parts)

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            packet = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as problem:
            raise error_behind(problem, self.status) from problem
        if not packet:
            raise StopAsyncIteration
        return packet

    async def close(self) -> None:
        """Gives the connection back. When the end of the body is still under way, that happens a moment later, on its own."""
        if self._response.content.at_eof():
            self._response.release()
            return
        drain = asyncio.ensure_future(self._drain())
        self._drains.add(drain)
        drain.add_done_callback(self._drains.discard)

    def abort(self) -> None:
        self._response.close()

    async def _drain(self) -> None:
        """After [DONE] only the end marker of the transfer is due; anything else is not worth waiting for."""
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while await self._response.content.readany():
                    pass
            self._response.release()
        except (aiohttp.ClientError, OSError):
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            raise


@lru_cache(maxsize=100)
def _timeout(connect_ms: int) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect_ms / 1000)


def error_behind(problem: Exception, status: int = 0) -> ProviderError:
    """The class of our own that says what went wrong on the wire."""
    match problem:
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeout("No connection within the time for it.")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return TlsFailed(f"TLS failed: {_reason(problem)}")
        case aiohttp.ClientConnectorError():
            return ConnectFailed(f"Connection failed: {_reason(problem)}")
        case aiohttp.InvalidURL():
            return EgressRefused("The address is not a URL.")
        case aiohttp.ClientPayloadError() if isinstance(
            problem.__cause__, aiohttp.http_exceptions.ContentEncodingError
        ):
            return BadAnswer("The upstream's answer is not in the encoding it claims.", http_status=status)
        case aiohttp.ClientPayloadError():
            return StreamBroken("The upstream broke off in the middle of its answer.", http_status=status)
        case aiohttp.ClientResponseError():
            return BadAnswer("The upstream's answer is not valid HTTP.", http_status=status)
        case aiohttp.ClientError() | OSError():
            return StreamBroken(f"The connection broke: {type(problem).__name__}.", http_status=status)
        case _:
            return CredentialRejected("Our credential contains characters that cannot be sent.")


def _reason(problem: aiohttp.ClientConnectorError) -> str:
    return problem.os_error.strerror or type(problem.os_error).__name__
