"""Opens connections, to addresses the egress guard has passed and to no others: names and literal addresses are checked each time."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import cache

from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ConnectFailed, TlsFailed
from routerapp.providers.outgoing.connection import Connection
from routerapp.providers.outgoing.origin import Origin
from routerapp.providers.outgoing.pool import Pool

ADDRESS_CACHE_SECONDS = 30
# After that long without a connection the next address is tried beside the one before it (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25

Lookup = Callable[[str, int], Awaitable[list[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a name, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def system_trust() -> ssl.SSLContext:
    """Reading all trust anchors takes a while: once a process."""
    return ssl.create_default_context()


class Dialer:
    """Remembers the addresses of a name for a while; those who ask for the same name at once share one look-up."""

    def __init__(self, guard: EgressGuard, lookup: Lookup, ssl_context: ssl.SSLContext | None) -> None:
        self._guard = guard
        self._lookup = lookup
        self._ssl = ssl_context or system_trust()
        self._ssl.set_alpn_protocols(["http/1.1"])
        self._known: dict[Origin, tuple[float, list[str]]] = {}
        self._lookups: dict[Origin, asyncio.Task[list[str]]] = {}

    async def connect(self, pool: Pool) -> Connection:
        """Raises EgressRefused, ConnectFailed or TlsFailed."""
        origin = pool.origin
        try:
            addresses = await self._addresses(origin)
            self._guard.check_addresses(origin.host, addresses)
            if len(addresses) == 1:
                return await self._connect_to(addresses[0], pool)
            return await self._connect_to_any(addresses, pool)
        except ssl.SSLError as problem:
            raise TlsFailed(f"TLS failed: {_tls_reason(problem)}") from problem
        except OSError as problem:
            self._known.pop(origin, None)
            raise ConnectFailed(f"Connection failed: {_reason(problem)}") from problem

    async def close(self) -> None:
        lookups = tuple(self._lookups.values())
        for task in lookups:
            task.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)

    async def _addresses(self, origin: Origin) -> list[str]:
        if ":" in origin.host or origin.host.replace(".", "").isdigit():
            return [origin.host]
        loop = asyncio.get_running_loop()
        known = self._known.get(origin)
        if known is not None and loop.time() < known[0]:
            return known[1]
        task = self._lookups.get(origin)
        if task is None:
            task = self._lookups[origin] = loop.create_task(self._look_up(origin))
            task.add_done_callback(lambda done: self._looked_up(origin, done))
        # Whoever gives up must not spoil it for those who wait for the same.
        return await asyncio.shield(task)

    async def _look_up(self, origin: Origin) -> list[str]:
        addresses = await self._lookup(origin.host, origin.port)
        if not addresses:
            raise ConnectFailed(f"The name {origin.host} has no address.")
        return addresses

    def _looked_up(self, origin: Origin, task: asyncio.Task[list[str]]) -> None:
        del self._lookups[origin]
        if not task.cancelled() and task.exception() is None:
            self._known[origin] = (task.get_loop().time() + ADDRESS_CACHE_SECONDS, task.result())

    async def _connect_to(self, address: str, pool: Pool) -> Connection:
        origin = pool.origin
        _, connection = await asyncio.get_running_loop().create_connection(
            pool.make,
            address,
            origin.port,
            ssl=self._ssl if origin.is_tls else None,
            server_hostname=origin.host if origin.is_tls else None,
        )
        pool.opened(connection)
        return connection

    async def _connect_to_any(self, addresses: list[str], pool: Pool) -> Connection:
        """The first that connects, tried in the resolver's order, each with a head start before the next."""
        waiting = list(addresses)
        trying: set[asyncio.Task[Connection]] = set()
        try:
            while True:
                if waiting:
                    trying.add(asyncio.create_task(self._connect_to(waiting.pop(0), pool)))
                timeout = NEXT_ADDRESS_SECONDS if waiting else None
                done, _ = await asyncio.wait(trying, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    trying.discard(task)
                    problem = task.exception()
                    if problem is None:
                        return task.result()
                    if not _is_of_the_address(problem) or not (waiting or trying):
                        raise problem
        finally:
            for task in trying:
                task.add_done_callback(_drop)
                task.cancel()


def _is_of_the_address(problem: BaseException) -> bool:
    """Whether another address may do better: an untrusted certificate is no reason to ask around."""
    return isinstance(problem, OSError) and not isinstance(problem, ssl.SSLError)


def _drop(task: asyncio.Task[Connection]) -> None:
    """It came too late, if it came."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


def _reason(problem: OSError) -> str:
    return os.strerror(problem.errno) if problem.errno and problem.errno > 0 else type(problem).__name__


def _tls_reason(problem: ssl.SSLError) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return problem.verify_message or "the certificate is not valid"
    return problem.reason or type(problem).__name__
