"""Notes every attempt to connect, however it is made, and lets none but the ones to a test's own servers happen."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest


class Wiretap:
    """attempts: (address, port) of each; allowed: ports on loopback a test has opened itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.attempts: list[tuple[str, int]] = []
        self.looked_up: list[str] = []
        self.allowed: set[int] = set()
        connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo
        sock_connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

        def note(address: Any) -> None:
            if isinstance(address, tuple) and address[1] not in self.allowed:
                self.attempts.append((str(address[0]), int(address[1])))
                raise OSError(f"the wiretap saw a connection to {address}")

        def spied_connect(this: socket.socket, address: Any) -> None:
            note(address)
            connect(this, address)

        def spied_connect_ex(this: socket.socket, address: Any) -> int:
            note(address)
            return int(connect_ex(this, address))

        async def spied_sock_connect(this: Any, sock: socket.socket, address: Any) -> None:
            note(address)
            await sock_connect(this, sock, address)

        def spied_getaddrinfo(host: Any, *more: Any, **options: Any) -> list[Any]:
            if _is_plain(host):
                return list(getaddrinfo(host, *more, **options))
            self.looked_up.append(str(host))
            raise OSError("no name is looked up here")

        monkeypatch.setattr(socket.socket, "connect", spied_connect)
        monkeypatch.setattr(socket.socket, "connect_ex", spied_connect_ex)
        monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", spied_sock_connect)
        monkeypatch.setattr(socket, "getaddrinfo", spied_getaddrinfo)


def _is_plain(host: Any) -> bool:
    """An address in its one usual spelling: asking for it looks nothing up."""
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        return False


@pytest.fixture
def wiretap(monkeypatch: pytest.MonkeyPatch) -> Wiretap:
    return Wiretap(monkeypatch)
