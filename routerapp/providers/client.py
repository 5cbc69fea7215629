"""Sends requests to real upstreams over HTTP/1.1, through the egress guard, one pool of connections per deployment. The data path.

No proxies from the environment, no redirects, no cookies, no retries, no header that is not on the list, no answer without a limit.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from routerapp.providers.alarms import within
from routerapp.providers.base import UpstreamRequest
from routerapp.providers.clock import Clock
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ConnectTimeout, CredentialRejected
from routerapp.providers.outgoing.answer import HttpAnswer
from routerapp.providers.outgoing.dialer import Dialer, Lookup, look_up
from routerapp.providers.outgoing.origin import Origin, split_url
from routerapp.providers.outgoing.pool import Pool

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
_OWN_HEADERS = {"user-agent": "signalbox", "accept-encoding": "identity"}
_SWEEP_SECONDS = 1.0
_REMEMBERED_ROUTES = 1_000
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Route:
    """What all requests with the same URL and headers have in common. head: up to the length of the body."""

    pool: Pool
    head: bytes = field(repr=False)


class HttpTransport:
    """Belongs to the event loop of its first request. ssl_context: other trust anchors than the system's."""

    def __init__(
        self, guard: EgressGuard, clock: Clock, *, lookup: Lookup = look_up, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._guard = guard
        self._clock = clock
        self._dialer = Dialer(guard, lookup, ssl_context)
        self._pools: dict[tuple[str, Origin], Pool] = {}
        self._routes: dict[tuple[object, ...], Route] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def open(self, request: UpstreamRequest, connect_ms: int) -> HttpAnswer:
        self._guard.check_url(request.url)
        headers = request.headers
        trace = b""
        if "traceparent" in headers:
            # The one header that differs from request to request.
            headers = {name: value for name, value in headers.items() if name != "traceparent"}
            trace = _encoded({"traceparent": request.headers["traceparent"]})
        key = (request.target.deployment, request.method, request.url, *headers.items())
        route = self._routes.get(key) or self._prepare(key, request, headers)
        connection = route.pool.take()
        took_ms = None
        if connection is None:
            started = self._clock.monotonic()
            try:
                connection = await within(connect_ms / 1000, self._dialer.connect(route.pool))
            except TimeoutError as problem:
                raise ConnectTimeout("No connection within the time for it.") from problem
            took_ms = round((self._clock.monotonic() - started) * 1000)
        answer = connection.send(b"%b%d\r\n%b\r\n" % (route.head, len(request.body), trace), request.body, took_ms)
        try:
            await answer.head()
        except BaseException:
            answer.abort()
            raise
        return answer

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self._routes.clear()
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()
        await self._dialer.close()
        # The loop closes aborted sockets in its next turn.
        await asyncio.sleep(0)

    def _prepare(self, key: tuple[object, ...], request: UpstreamRequest, headers: Mapping[str, str]) -> Route:
        origin, host, target = split_url(request.url)
        sent = {name: value for name, value in headers.items() if name in HEADERS_SENT}
        lines = _encoded({"host": host, **_OWN_HEADERS, **sent})
        head = b"%b %b HTTP/1.1\r\n%bcontent-length: " % (request.method.encode(), target.encode(), lines)
        place = (request.target.deployment, origin)
        pool = self._pools.get(place)
        if pool is None:
            pool = self._pools[place] = Pool(origin, self._watch)
        if len(self._routes) >= _REMEMBERED_ROUTES:
            self._routes.clear()
        route = self._routes[key] = Route(pool, head)
        return route

    def _watch(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now = asyncio.get_running_loop().time()
        if any([pool.sweep(now) for pool in self._pools.values()]):
            self._watch()


def _encoded(headers: Mapping[str, str]) -> bytes:
    """Raises CredentialRejected where a value would end its line: only a credential can hold such a character."""
    if any(_UNSENDABLE.search(value) for value in headers.values()):
        raise CredentialRejected("Our credential contains characters that cannot be sent.")
    try:
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    except UnicodeEncodeError:
        raise CredentialRejected("Our credential contains characters that cannot be sent.") from None
