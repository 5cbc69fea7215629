"""HTTP off the data path: health checks, connection tests, model lists. The same egress guard, never a proxy, a redirect or a cookie."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import httpx

from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import AnswerTooLarge, ConnectFailed

CONTROL_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
ANSWER_LIMIT_BYTES = 8 * 1024 * 1024

Lookup = Callable[[str, int], list[str]]


def control_client(
    guard: EgressGuard, timeout: httpx.Timeout = CONTROL_TIMEOUT, transport: GuardedTransport | None = None
) -> httpx.Client:
    """A client that can only reach what the guard admits; refusals are raised as EgressRefused."""
    return httpx.Client(
        transport=transport or GuardedTransport(guard),
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        headers={"user-agent": "signalbox", "accept-encoding": "identity"},
    )


def look_up(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver. Raises ConnectFailed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except OSError as problem:
        raise ConnectFailed(f"The name {host} cannot be looked up.") from problem
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedTransport(httpx.BaseTransport):
    """Looks the name up itself, checks every address and connects to a checked one, with the name kept for TLS and Host."""

    def __init__(self, guard: EgressGuard, lookup: Lookup = look_up, inner: httpx.BaseTransport | None = None) -> None:
        self._guard = guard
        self._lookup = lookup
        # Connections are made to addresses, so a kept one could serve another name on the same address: none is kept.
        self._inner = inner or httpx.HTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._guard.check_url(str(request.url))
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = [host] if _is_literal(host) else self._lookup(host, port)
        self._guard.check_addresses(host, addresses)
        failure: Exception = ConnectFailed(f"The name {host} has no address.")
        for address in addresses:
            try:
                return _bounded(self._inner.handle_request(_to_address(request, host, address)))
            except httpx.ConnectError as problem:
                failure = problem
        raise failure

    def close(self) -> None:
        self._inner.close()


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for packet in self._stream:
            size += len(packet)
            if size > ANSWER_LIMIT_BYTES:
                raise AnswerTooLarge(f"The answer is larger than {ANSWER_LIMIT_BYTES} bytes.")
            yield packet

    def close(self) -> None:
        self._stream.close()


def _bounded(response: httpx.Response) -> httpx.Response:
    # A compressed answer could grow without limit after this point; none was asked for.
    response.headers.pop("content-encoding", None)
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _BoundedStream(response.stream)
    return response


def _to_address(request: httpx.Request, host: str, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
