"""The outgoing client against a real server on loopback: what leaves, what may come back, and where it may go at all."""

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from routerapp.providers.base import ANSWER_LIMIT_BYTES, UpstreamRequest
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.control import GuardedTransport, control_client
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
from routerapp.providers.openai import OpenAIAdapter
from tests.providers.chats import make_chat, make_target
from tests.upstream import MisbehavingUpstream

ADAPTER = OpenAIAdapter()
CHAT = make_chat()


@pytest.fixture
async def upstream() -> AsyncIterator[MisbehavingUpstream]:
    async with MisbehavingUpstream() as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    client = HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock())
    yield client
    await client.close()


def request_to(url: str, *, credential: str | None = "key-1", deployment: str = "here") -> UpstreamRequest:
    return ADAPTER.build_request(make_chat(), make_target(deployment, url=url, credential=credential), {})


async def read_all(transport: HttpTransport, url: str, limit: int = 10_000) -> bytes:
    answer = await transport.open(request_to(url), 1000)
    try:
        return await answer.read(limit)
    finally:
        answer.abort()


async def test_sends_listed_headers_only(upstream: MisbehavingUpstream, transport: HttpTransport) -> None:
    request = request_to(upstream.url("ok"))
    sneaky = UpstreamRequest(
        "POST",
        request.url,
        {**request.headers, "cookie": "a=b", "x-forwarded-for": "1.2.3.4"},
        request.body,
        False,
        request.target,
    )
    answer = await transport.open(sneaky, 1000)
    await answer.read(10_000)
    await answer.close()

    assert set(upstream.requests[0].headers) == {
        *("accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent")
    }


@given(
    depth=st.integers(0, 5), name=st.sampled_from(["base_url", "api_base", "endpoint", "proxy", "organization", "url"])
)
@settings(max_examples=30, deadline=None)
def test_no_field_of_the_callers_moves_the_request(depth: int, name: str) -> None:
    planted: object = {name: "http://127.0.0.1:9/canary", "api_key": "x"}
    for _ in range(depth):
        planted = {"user_config": [planted]}
    fields = planted if isinstance(planted, dict) and depth == 0 else {"user_config": planted}

    request = ADAPTER.build_request(make_chat(**fields), make_target(credential="key-1"), {})

    assert request.url == "https://api.example.com/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer key-1"
    assert "canary" not in repr(sorted(request.headers.items()))


async def test_keeps_no_cookie(upstream: MisbehavingUpstream, transport: HttpTransport) -> None:
    for _ in range(2):
        await read_all(transport, upstream.url("cookie"))

    assert all("cookie" not in seen.headers for seen in upstream.requests)


async def test_ignores_proxies_of_the_environment(
    upstream: MisbehavingUpstream, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    answer = await transport.open(request_to(upstream.url("ok")), 1000)

    assert answer.status == 200
    await answer.close()


async def test_a_kept_connection_has_no_connect_time(upstream: MisbehavingUpstream, transport: HttpTransport) -> None:
    times = []
    for _ in range(2):
        answer = await transport.open(request_to(upstream.url("ok")), 1000)
        await answer.read(10_000)
        await answer.close()
        times.append(answer.connect_ms)

    assert times[0] is not None
    assert times[1] is None


async def test_never_follows_a_redirect(upstream: MisbehavingUpstream, transport: HttpTransport) -> None:
    answer = await transport.open(request_to(upstream.url("redirect")), 1000)
    body = await answer.read(1000)
    await answer.close()

    with pytest.raises(BadAnswer):
        ADAPTER.read_reply(CHAT, answer.status, answer.headers, body)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://169.254.169.254", "http://[::1]:1", "http://2130706433"])
async def test_literal_addresses_are_refused_before_connecting(url: str) -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError("a literal address is not looked up")

    client = HttpTransport(EgressGuard(), SystemClock(), lookup=never)
    with pytest.raises(EgressRefused):
        await client.open(request_to(url), 1000)
    await client.close()


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]]
)
async def test_names_that_lead_inside_are_refused_before_connecting(
    upstream: MisbehavingUpstream, addresses: list[str]
) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return addresses

    client = HttpTransport(EgressGuard(), SystemClock(), lookup=lookup)
    with pytest.raises(EgressRefused):
        await client.open(request_to(upstream.url("ok", "api.example.com")), 1000)
    await client.close()

    assert upstream.requests == []


async def test_a_name_that_rebinds_is_checked_at_every_lookup(upstream: MisbehavingUpstream) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def lookup(host: str, port: int) -> list[str]:
        return next(answers)

    guard = EgressGuard(["127.0.0.1"])
    first, second = (HttpTransport(guard, SystemClock(), lookup=lookup) for _ in range(2))
    url = upstream.url("ok", "api.example.com")
    await read_all(first, url)
    with pytest.raises(EgressRefused):
        await second.open(request_to(url), 1000)
    await first.close()
    await second.close()

    assert upstream.requests[0].headers["host"].startswith("api.example.com:")


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("gzip-lie", BadAnswer),
        ("gzip-bomb", AnswerTooLarge),
        ("huge-head", BadAnswer),
        ("bad-http", BadAnswer),
        ("cut-body", StreamBroken),
        ("reset", StreamBroken),
    ],
)
async def test_lies_on_the_wire_end_in_a_clear_error(
    upstream: MisbehavingUpstream, transport: HttpTransport, behaviour: str, kind: type[ProviderError]
) -> None:
    with pytest.raises(kind):
        await read_all(transport, upstream.url(behaviour), ANSWER_LIMIT_BYTES)


async def test_unpacks_an_honest_gzip(upstream: MisbehavingUpstream, transport: HttpTransport) -> None:
    body = await read_all(transport, upstream.url("gzip"))

    assert body.startswith(b'{"id"')


async def test_a_refused_connection_and_an_unknown_name_fail_at_once() -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    client = HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock(), lookup=unknown)
    started = time.monotonic()
    for url in ("http://127.0.0.1:1/v1", "http://nowhere.example.com/v1"):
        with pytest.raises(ConnectFailed):
            await client.open(request_to(url), 30_000)
    await client.close()

    assert time.monotonic() - started < 10


async def test_a_slow_name_server_is_bounded_by_the_connect_timeout() -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    client = HttpTransport(EgressGuard(), SystemClock(), lookup=slow)
    with pytest.raises(ConnectTimeout):
        await client.open(request_to("http://slow.example.com/v1"), 30)
    await client.close()


async def test_a_credential_that_would_forge_headers_is_not_sent(
    upstream: MisbehavingUpstream, transport: HttpTransport
) -> None:
    with pytest.raises(CredentialRejected):
        await transport.open(request_to(upstream.url("ok"), credential="key\r\nx-admin: 1"), 1000)

    assert upstream.requests == []


async def test_a_reader_that_pauses_makes_the_upstream_wait(
    upstream: MisbehavingUpstream, transport: HttpTransport
) -> None:
    answer = await transport.open(request_to(upstream.url("flood")), 1000)
    await anext(answer.chunks())
    await asyncio.sleep(0.2)
    sent = int(upstream.requests[0].headers["bytes-sent"])
    answer.abort()
    await asyncio.wait_for(upstream.requests[0].left.wait(), 60)

    assert sent < 16 * 1024 * 1024


def _certificate(folder: Path, host: str, *, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}-{days}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("host", "days", "is_trusted", "is_fine"),
    [
        ("api.example.com", 10, True, True),
        ("api.example.com", 10, False, False),
        ("other.example.com", 10, True, False),
        ("api.example.com", -1, True, False),
    ],
)
async def test_tls_is_checked_against_the_name_and_never_downgraded(
    tmp_path: Path, host: str, days: int, is_trusted: bool, is_fine: bool
) -> None:
    path = _certificate(tmp_path, host, days=days)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    trust = ssl.create_default_context(cafile=str(path) if is_trusted else None)

    async def lookup(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    client = HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock(), lookup=lookup, ssl_context=trust)
    async with MisbehavingUpstream(tls=server) as upstream:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        opening = read_all(client, upstream.url("ok", "api.example.com"))
        if is_fine:
            await opening
        else:
            with pytest.raises(TlsFailed):
                await opening
        await client.close()

    assert len(upstream.requests) == is_fine


async def test_the_control_path_passes_the_same_guard(upstream: MisbehavingUpstream) -> None:
    with control_client(EgressGuard()) as client:
        for url in (upstream.url("ok"), "http://169.254.169.254/", "http://localhost:1/", "http://[::1]:1/"):
            with pytest.raises(EgressRefused):
                await asyncio.to_thread(client.get, url)
    with control_client(EgressGuard(["127.0.0.1"])) as client:
        response = await asyncio.to_thread(client.post, upstream.url("redirect"), json={})

    assert response.status_code == 302
    assert len(upstream.requests) == 1


async def test_the_control_path_connects_to_the_address_it_checked(upstream: MisbehavingUpstream) -> None:
    looked_up = []

    def lookup(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    guarded = GuardedTransport(EgressGuard(["127.0.0.1"]), lookup)
    request_url = upstream.url("ok", "api.example.com")
    with control_client(EgressGuard(["127.0.0.1"])) as client:
        client._transport = guarded
        await asyncio.to_thread(client.post, request_url, json={})
    with pytest.raises(EgressRefused):
        GuardedTransport(EgressGuard(), lookup).handle_request(client.build_request("GET", request_url))

    assert looked_up == ["api.example.com", "api.example.com"]
    assert upstream.requests[0].headers["host"].startswith("api.example.com:")
