"""Every spelling of an address we may not talk to × every way in which an address gets in: refused, and nobody connects anywhere.

The spellings are those of tests/providers/test_egress.py; here the whole ways are walked, with a wiretap on every socket.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from itertools import product
from typing import Any

import httpx
import pytest

from routerapp.models import AlertChannel, Deployment, Provider
from routerapp.oidc_settings import OidcSettings
from routerapp.providers.base import Target, UpstreamRequest
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.control import GuardedTransport, control_client
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ProviderError
from routerapp.providers.mail import Relay, send_mail
from routerapp.providers.openid import Description, OpenIdProvider, OpenIdUnavailable
from routerapp.providers.otlp import Collector, NotDelivered
from routerapp.providers.trial import Call, try_call
from routerapp.serving.alerts.delivery import Parcel, deliver
from tests.api.callers import calls_as
from tests.factories import a_deployment as a_deployment_row
from tests.factories import a_language_model
from tests.gateway.server import running_gateway
from tests.providers.test_egress import REFUSED_HOSTS, REFUSED_URLS
from tests.runtimes import a_deployment, a_snapshot
from tests.scripted_upstream import Answer, scripted_upstream, whole
from tests.upstream import whole as openai_body

MORE_HOSTS = [
    "ip6-localhost",
    "ip6-loopback",
    "x.y.localhost",
    "localhost.",
    "0",
    "127.0.0.1.localhost",
    "[::ffff:7f00:1]",
]
URLS = [*(f"http://{host}/v1" for host in (*REFUSED_HOSTS, *MORE_HOSTS)), *(url for url in REFUSED_URLS if url)]
LOOPBACK = EgressGuard(["127.0.0.1"])
TLS = ssl.create_default_context()
NAMES = ["metadata.google.internal", "rebind.example.com", "intranet", "instance-data.ec2.internal"]
PRIVATE = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254", "64:ff9b::7f00:1"]


def over_the_data_path(url: str) -> None:
    async def ask() -> None:
        transport = HttpTransport(EgressGuard(), SystemClock())
        target = Target("x", "openai", url, "x")
        try:
            await transport.open(UpstreamRequest("POST", url, {}, b"{}", False, target), 1_000)
        finally:
            await transport.close()

    with pytest.raises(ProviderError):
        asyncio.run(ask())


def over_the_control_path(url: str) -> None:
    with (
        control_client(EgressGuard()) as client,
        pytest.raises((ProviderError, httpx.InvalidURL, httpx.UnsupportedProtocol)),
    ):
        client.get(url)


def as_openid_issuer(url: str) -> None:
    with pytest.raises(OpenIdUnavailable):
        OpenIdProvider(OidcSettings(url, "id", "secret"), EgressGuard()).describe()


def as_openid_endpoint(url: str) -> None:
    """What a description names is as foreign as the rest of it."""
    provider = OpenIdProvider(OidcSettings("https://id.example.com", "id", "secret"), EgressGuard())
    description = Description("https://id.example.com/a", url, url, url)
    with pytest.raises(OpenIdUnavailable):
        provider.keys(description)
    with pytest.raises(OpenIdUnavailable):
        provider.exchange(description, code="c", verifier="v", redirect_uri="https://x")
    with pytest.raises(OpenIdUnavailable):
        provider.user_info(description, "token")


def as_otlp_endpoint(url: str) -> None:
    collector = Collector(url, {"x-token": "secret"}, EgressGuard(), {})
    with pytest.raises(NotDelivered):
        collector.send([])
    collector.close()


def as_webhook(url: str) -> None:
    """Kept before the guard knew better, or put into the table by hand."""
    assert not deliver(Parcel("webhook", url, "key", "title", "text", {"text": "x"}, "secret-of-the-hook")).is_taken


def as_provider_test(url: str) -> None:
    assert try_call(Call("GET", url, {"authorization": "Bearer x"}), EgressGuard(), 5).problem


@pytest.fixture(autouse=True)
def _one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each client would read all trust anchors anew, hundreds of times in here."""
    monkeypatch.setattr("httpx._transports.default.create_ssl_context", lambda **_: TLS)


WAYS: list[Callable[[str], None]] = [
    over_the_data_path,
    over_the_control_path,
    as_openid_issuer,
    as_openid_endpoint,
    as_otlp_endpoint,
    as_webhook,
    as_provider_test,
]


@pytest.mark.parametrize("way", WAYS)
def test_no_spelling_leads_anywhere(way, wiretap):
    for url in URLS:
        way(url)

    assert wiretap.attempts == []
    assert not {name for name in wiretap.looked_up if name not in NAMES}, "a refused spelling was even looked up"


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["provider", "deployment", "webhook"])
def test_no_spelling_is_saved(where, wiretap):
    call = calls_as("admin")
    a_deployment_row(slug="place")
    a_language_model(slug="m")
    ways: dict[str, Callable[[str], Any]] = {
        "provider": lambda url: call(
            "POST", "providers", {"name": "P", "slug": "p", "kind": "openai", "base_url": url}
        ),
        "deployment": lambda url: call("PATCH", "deployments/place", {"base_url": url}),
        "webhook": lambda url: call("POST", "alert-channels", {"name": "H", "kind": "webhook", "address": url}),
    }
    before = Deployment.objects.get(slug="place").base_url
    kept = [url for url in URLS if ways[where](url).status_code != 422]

    assert kept == []
    assert wiretap.attempts == []
    assert not Provider.objects.filter(slug="p").exists() and not AlertChannel.objects.exists()
    assert Deployment.objects.get(slug="place").base_url == before


@pytest.mark.parametrize("host", [one.strip("[]") for one in (*REFUSED_HOSTS, *MORE_HOSTS)])
def test_no_spelling_of_a_mail_relay_is_connected_to(host, wiretap):
    message = EmailMessage()
    sent = send_mail(
        message, ["a@example.org"], Relay(host, 25, False), EgressGuard(), 5, lookup=lambda h, p: ["127.0.0.1"]
    )

    assert sent.problem == "address_refused"
    assert wiretap.attempts == []


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("mixed", [False, True])
def test_a_name_that_leads_to_a_private_address_is_refused_after_the_look_up(address, mixed, wiretap):
    found = ["93.184.216.34", address] if mixed else [address]

    async def looked_up(host: str, port: int) -> list[str]:
        return found

    async def ask(name: str) -> None:
        transport = HttpTransport(EgressGuard(), SystemClock(), lookup=looked_up)
        url = f"http://{name}/v1"
        try:
            await transport.open(UpstreamRequest("POST", url, {}, b"{}", False, Target("x", "openai", url, "x")), 1_000)
        finally:
            await transport.close()

    for name in NAMES:
        with pytest.raises(ProviderError):
            asyncio.run(ask(name))
        transport = GuardedTransport(EgressGuard(), lookup=lambda h, p: found)
        with control_client(EgressGuard(), transport=transport) as client, pytest.raises(ProviderError):
            client.get(f"http://{name}/v1")
        mail = send_mail(
            EmailMessage(), ["a@example.org"], Relay(name, 25, False), EgressGuard(), 5, lookup=lambda h, p: found
        )
        assert mail.problem == "address_refused"
    assert wiretap.attempts == []


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(wiretap):
    """Rebinding: the second look-up would say loopback; there is none, the connection goes to the address that passed."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    transport = GuardedTransport(EgressGuard(), lookup=lambda h, p: next(answers))
    with control_client(EgressGuard(), transport=transport) as client:
        with pytest.raises(httpx.ConnectError):
            client.get("http://rebind.example.com/")
        with pytest.raises(ProviderError):
            client.get("http://rebind.example.com/")

    assert wiretap.attempts == [("93.184.216.34", 80)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:9/", "http://169.254.169.254/latest", "//10.0.0.5/", "file:///etc/passwd"]
)
def test_no_redirect_is_followed(status, location, wiretap):
    with scripted_upstream() as upstream:
        wiretap.allowed.add(upstream.port)
        upstream.says(Answer([b""], status, {"location": location}))
        with control_client(LOOPBACK) as client:
            assert client.post(upstream.url).status_code == status
        with pytest.raises(NotDelivered):
            Collector(f"{upstream.url}/v1/traces", {}, LOOPBACK, {}).send([])
        assert len(upstream.asked) == 2

    assert wiretap.attempts == []


def test_a_url_in_a_prompt_is_passed_on_and_never_fetched(tmp_path, monkeypatch):
    """Images are the upstream's to fetch; so is everything else a caller writes."""
    image = {"type": "image_url", "image_url": {"url": "http://169.254.169.254/latest/meta-data/?a=%0d%0ax"}}
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "see http://127.0.0.1:9/"}, image]}],
    }
    with scripted_upstream() as upstream:

        def make_snapshot(keys):
            deployments = [a_deployment("d", kind="openai")]
            return a_snapshot(keys=keys, deployments=deployments, base_urls={"d": f"{upstream.url}/v1"})

        upstream.says(whole(openai_body().encode()))
        with running_gateway(tmp_path, make_snapshot, lambda: HttpTransport(LOOPBACK, SystemClock())) as running:
            connected: list[Any] = []
            real = socket.socket.connect
            monkeypatch.setattr(socket.socket, "connect", lambda s, a: (connected.append(a), real(s, a))[1])
            answer = running.post(body)

    assert answer.status_code == 200
    assert image in upstream.asked[0].body["messages"][0]["content"]
    assert {address[1] for address in connected} <= {upstream.port, int(running.url.rpartition(":")[2])}


FORBIDDEN = (
    "base_url",
    "api_base",
    "endpoint",
    "proxy",
    "organization",
    "user_config",
    "azure_endpoint",
    "extra_headers",
)


def hidden(name: str, value: Any, depth: int) -> Any:
    """name: value below that many objects and lists."""
    document: Any = {name: value}
    for level in range(depth):
        document = {"user_config": document} if level % 2 else [document]
    return document


def test_a_caller_cannot_say_where_a_request_goes(tmp_path):
    """T2, T3: at the top, nested, inside the members that are ours, and as a header."""
    body: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    with scripted_upstream() as upstream, scripted_upstream() as canary:

        def make_snapshot(keys):
            deployments = [a_deployment("d", kind="openai")]
            return a_snapshot(keys=keys, deployments=deployments, base_urls={"d": f"{upstream.url}/v1"})

        upstream.says(whole(openai_body().encode()))
        canary.says(whole({}))
        with (
            running_gateway(tmp_path, make_snapshot, lambda: HttpTransport(LOOPBACK, SystemClock())) as running,
            running.client() as client,
        ):
            for name, depth, where in product(FORBIDDEN, (0, 1, 2, 5), ("", "metadata", "router", "provider", "tools")):
                nested = hidden(name, canary.url, depth)
                sent = body | (nested if not where and depth == 0 else {where or name: nested})
                headers = {name.replace("_", "-"): canary.url, "x-forwarded-host": canary.url, "host": "localhost"}
                client.post("/v1/chat/completions", json=sent, headers=headers)

    assert canary.asked == []
    assert upstream.asked, "some of these are fields an upstream may be sent, and nothing to us"
    assert {asked.path for asked in upstream.asked} == {"/v1/chat/completions"}
    assert canary.url not in json.dumps([asked.headers for asked in upstream.asked])
