"""Where connections go: which addresses, in which order, for how long, and whom TLS takes for the upstream."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ConnectFailed, ConnectTimeout, EgressRefused, TlsFailed
from routerapp.providers.outgoing import dialer as dialers
from tests.providers.outgoing.authority import Authority
from tests.providers.outgoing.raw_upstream import FINE, RawUpstream, ask, ask_all, request_to, tasks_left

NAME = "api.example.com"
LOOPBACK = ["127.0.0.1", "::1"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Names:
    """A resolver; the n-th question gets the n-th answer, the last answer serves all that follow."""

    def __init__(self, *answers: list[str], seconds: float = 0) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)
        self._seconds = seconds

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        await asyncio.sleep(self._seconds)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Counting(EgressGuard):
    def __init__(self, allow: Iterable[str]) -> None:
        super().__init__(allow)
        self.checked: list[str] = []

    def check_address(self, address: str, host: str = "") -> None:
        self.checked.append(address)
        super().check_address(address, host)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def made(names: Names, guard: EgressGuard | None = None, trust: ssl.SSLContext | None = None) -> HttpTransport:
    return HttpTransport(guard or EgressGuard(LOOPBACK), SystemClock(), lookup=names, ssl_context=trust)


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
async def test_every_connection_asks_the_guard_though_the_address_is_remembered(host: str) -> None:
    names, guard = Names(["127.0.0.1"]), Counting(LOOPBACK)
    transport = made(names, guard)
    async with RawUpstream([0.02, FINE]) as upstream:
        await ask_all(transport, upstream.url_of(host))
        guard.checked.clear()
        await asyncio.gather(*(ask_all(transport, upstream.url_of(host)) for _ in range(4)))
        await transport.close()

        assert len(upstream.lines) == 4
    assert guard.checked == ["127.0.0.1"] * 3
    assert names.asked == [NAME] * (host == NAME)


async def test_an_address_that_went_bad_is_refused_though_the_name_was_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialers, "ADDRESS_CACHE_SECONDS", 0.0)
    transport = made(Names(["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]))
    async with RawUpstream([FINE]) as upstream:
        (await ask(transport, upstream.url_of(NAME))).abort()
        with pytest.raises(EgressRefused):
            await asyncio.gather(ask(transport, upstream.url_of(NAME)), ask(transport, upstream.url_of(NAME)))
        await transport.close()

        assert len(upstream.asked) <= 2


async def test_those_who_ask_for_a_name_at_once_share_one_look_up_and_none_spoils_it() -> None:
    names = Names(["127.0.0.1"], seconds=0.1)
    transport = made(names)
    async with RawUpstream([FINE]) as upstream:
        asking = [asyncio.create_task(ask_all(transport, upstream.url_of(NAME))) for _ in range(20)]
        await asyncio.sleep(0.02)
        asking[0].cancel()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        await transport.close()

    assert names.asked == [NAME]
    assert answers[1:] == [(200, b"fine")] * 19


async def test_a_name_without_an_address_is_a_failed_connection() -> None:
    transport = made(Names([]))
    with pytest.raises(ConnectFailed):
        await ask(transport, f"http://{NAME}/v1")
    await transport.close()


async def test_an_address_that_refuses_is_passed_over() -> None:
    transport = made(Names(["::1", "127.0.0.1"]))
    async with RawUpstream([FINE]) as upstream:
        assert await ask_all(transport, upstream.url_of(NAME)) == (200, b"fine")
        await transport.close()
    assert not tasks_left()


async def test_when_all_refuse_the_name_is_looked_up_anew() -> None:
    names = Names(["::1", "127.0.0.1"])
    transport = made(names)
    for _ in range(2):
        with pytest.raises(ConnectFailed, match="refused"):
            await ask(transport, f"http://{NAME}:1/v1")
    await transport.close()

    assert len(names.asked) == 2
    assert not tasks_left()


async def test_an_address_that_hangs_does_not_keep_the_next_one_waiting(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialers, "NEXT_ADDRESS_SECONDS", 0.05)
    if not has_ipv6():
        pytest.skip("there is one loopback address only")
    transport = made(Names(["::1", "127.0.0.1"]), trust=authority.trust())
    async with (
        RawUpstream([FINE], tls=authority.server(NAME)) as upstream,
        RawUpstream(address="::1", port=upstream.port, is_silent=True) as silent,
    ):
        assert await ask_all(transport, upstream.url_of(NAME)) == (200, b"fine")

        await silent.all_closed()
        await transport.close()
    assert not tasks_left()


async def test_a_handshake_that_hangs_ends_with_the_connect_timeout(authority: Authority) -> None:
    async with RawUpstream(tls=authority.server(NAME), is_silent=True) as upstream:
        transport = made(Names(["127.0.0.1"]), trust=authority.trust())
        started = time.monotonic()
        with pytest.raises(ConnectTimeout):
            await transport.open(request_to(upstream.url_of(NAME)), 100)

        assert time.monotonic() - started < 5
        await upstream.all_closed()
        await transport.close()


@pytest.mark.parametrize("host", [NAME, "127.0.0.1"])
async def test_the_right_name_passes_and_is_named(authority: Authority, host: str) -> None:
    names: list[str | None] = []
    server = authority.server(host)
    server.sni_callback = lambda line, name, context: names.append(name)
    transport = made(Names(["127.0.0.1"]), trust=authority.trust())
    async with RawUpstream([FINE], tls=server) as upstream:
        assert await ask_all(transport, upstream.url_of(host)) == (200, b"fine")
        assert await ask_all(transport, upstream.url_of(host)) == (200, b"fine")
        await transport.close()

    assert len(upstream.lines) == 1
    assert upstream.lines[0].protocol == "http/1.1"
    assert names == [NAME if host == NAME else None]


@pytest.mark.parametrize(("host", "days"), [("other.example.com", 1), (NAME, -1), ("127.0.0.2", 1)])
async def test_a_wrong_name_or_a_past_date_is_refused(authority: Authority, host: str, days: int) -> None:
    transport = made(Names(["127.0.0.1"]), trust=authority.trust())
    async with RawUpstream([FINE], tls=authority.server(host, days=days)) as upstream:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        with pytest.raises(TlsFailed):
            await ask(transport, upstream.url_of(NAME))
        await transport.close()

        assert upstream.asked == []


@pytest.mark.parametrize("trusts", ["the system's", "another's"])
async def test_an_authority_that_is_not_trusted_is_refused(authority: Authority, tmp_path: Path, trusts: str) -> None:
    trust = None if trusts == "the system's" else Authority(tmp_path).trust()
    transport = made(Names(["127.0.0.1"]), trust=trust)
    async with RawUpstream([FINE], tls=authority.server(NAME)) as upstream:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        with pytest.raises(TlsFailed, match="TLS failed: "):
            await ask(transport, upstream.url_of(NAME))
        await transport.close()

        assert upstream.asked == []


async def test_a_server_without_tls_is_refused_and_hears_nothing_of_ours(authority: Authority) -> None:
    heard: list[bytes] = []

    async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10_000))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_plainly, "127.0.0.1", 0)
    url = f"https://{NAME}:{server.sockets[0].getsockname()[1]}/v1"
    transport = made(Names(["127.0.0.1"]), trust=authority.trust())
    with pytest.raises(TlsFailed):
        await ask(transport, url, authorization="secret")
    await transport.close()
    server.close()

    assert b"secret" not in heard[0]
