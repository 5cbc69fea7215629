"""What the guard refuses, in every spelling we know of. Nothing here opens a connection: a refusal that needed one would hang."""

from ipaddress import ip_address

import pytest

from routerapp.providers.egress import EgressGuard, is_refused
from routerapp.providers.errors import EgressRefused

REFUSED_HOSTS = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "127.0.0.01",
    "1.1.1.256",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:8.8.8.8]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:db8::1]",
    "[2001:10::1]",
    "[100::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[4000::1]",
    "[2606:4700::5efe:10.0.0.1]",
    "[2606:4700:0:0:200:5efe:7f00:1]",
    "localhost",
    "LOCALHOST",
    "api.localhost",
    "localhost.localdomain",
]

REFUSED_URLS = [
    "ftp://api.example.com/v1",
    "file:///etc/passwd",
    "gopher://api.example.com",
    "javascript:alert(1)",
    "//api.example.com/v1",
    "api.example.com/v1",
    "https://user:secret@api.example.com/v1",
    "https://api.example.com@127.0.0.1/v1",
    "https://api.example.com\\@127.0.0.1/v1",
    "https://127.0.0.1\\.example.com/",
    "https://api.example.com\t/v1",
    "https://api.example.com\r\nhost: x/v1",
    "https://１２７.０.０.１/v1",
    "https://127。0。0。1/",
    "https://ex%61mple.com/v1",
    "https://[fe80::1%25eth0]/v1",
    "https://[::1/v1",
    "https:///v1",
    "https://:8000/v1",
    "https://api.example.com:0/v1",
    "https://api.example.com:99999/v1",
    "https://-bad-.example.com/v1",
    "https://example..com/v1",
    "",
]


@pytest.mark.parametrize("host", REFUSED_HOSTS)
def test_refuses_hosts_that_are_not_public(host: str) -> None:
    guard = EgressGuard()

    for url in (f"http://{host}/v1", f"https://{host}:8443/v1/chat/completions"):
        with pytest.raises(EgressRefused):
            guard.check_url(url)


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_refuses_urls_that_parsers_read_differently(url: str) -> None:
    with pytest.raises(EgressRefused):
        EgressGuard(["127.0.0.0/8"]).check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://api.groq.com:443/openai/v1",
        "http://8.8.8.8/v1",
        "https://[2606:4700:4700::1111]/v1",
        "https://my-model.region_1.example.co.uk/v1",
        "https://1password.example",
    ],
)
def test_lets_public_hosts_through(url: str) -> None:
    EgressGuard().check_url(url)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"])
def test_admits_public_addresses(address: str) -> None:
    assert not is_refused(ip_address(address))


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(EgressRefused):
        EgressGuard().check_addresses("rebind.example.com", ["8.8.8.8", "127.0.0.1"])


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        (["127.0.0.1"], "http://127.0.0.1:11434/v1"),
        (["10.0.0.0/8"], "http://10.20.30.40/v1"),
        (["localhost"], "http://localhost:8000/v1"),
        (["127.0.0.1"], "http://localhost:8000/v1"),
        (["[::1]"], "http://[::1]:8000/v1"),
        (["fd12::/16"], "http://[fd12::5]/v1"),
    ],
)
def test_the_operators_list_lets_local_models_through(allow: list[str], url: str) -> None:
    EgressGuard(allow).check_url(url)


def test_an_allowed_name_reaches_private_addresses_but_never_metadata_services() -> None:
    guard = EgressGuard(["ollama.internal"])

    guard.check_address("10.0.0.5", "ollama.internal")
    for address in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254", "100.100.100.200"):
        with pytest.raises(EgressRefused):
            guard.check_address(address, "ollama.internal")
    with pytest.raises(EgressRefused):
        guard.check_address("10.0.0.5", "other.internal")


def test_allowing_one_address_allows_no_other_spelling_of_it() -> None:
    guard = EgressGuard(["127.0.0.1"])

    for host in ("[::ffff:127.0.0.1]", "2130706433", "127.1", "127.0.0.2"):
        with pytest.raises(EgressRefused):
            guard.check_url(f"http://{host}/v1")


def test_the_tables_hold_at_least_forty_forms() -> None:
    assert len(REFUSED_HOSTS) >= 40
