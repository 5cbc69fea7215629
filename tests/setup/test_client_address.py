"""Whose address counts: the peer's, unless the operator named proxies, and then only what those say."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.client_address import parse_trusted_proxies

PROXY, CLIENT, LIAR = "10.0.0.2", "203.0.113.9", "198.51.100.66"


@pytest.mark.parametrize(
    ("setting", "peer", "header", "client"),
    [
        ("", CLIENT, LIAR, CLIENT),
        ("0", CLIENT, LIAR, CLIENT),
        ("1", PROXY, CLIENT, CLIENT),
        ("1", PROXY, f"{LIAR}, {CLIENT}", CLIENT),
        ("2", PROXY, f"{LIAR}, {CLIENT}, 10.0.0.3", CLIENT),
        ("2", PROXY, CLIENT, PROXY),
        ("1", PROXY, "", PROXY),
        ("1", PROXY, "rubbish", PROXY),
        ("10.0.0.0/8", PROXY, CLIENT, CLIENT),
        ("10.0.0.0/8", PROXY, f"{LIAR}, {CLIENT}, 10.0.0.3", CLIENT),
        ("10.0.0.0/8", CLIENT, LIAR, CLIENT),
        ("10.0.0.0/8", PROXY, f"{LIAR}, rubbish", PROXY),
        ("10.0.0.0/8", PROXY, "10.0.0.7", "10.0.0.7"),
        ("10.0.0.2", PROXY, f"{CLIENT}:4711", CLIENT),
        ("::1", "::1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("127.0.0.1", "::ffff:127.0.0.1", "::ffff:203.0.113.9", CLIENT),
        ("1", "", CLIENT, ""),
        ("1", PROXY, ",".join([LIAR] * 10_000 + [CLIENT]), CLIENT),
    ],
)
def test_only_what_trusted_proxies_wrote_is_believed(setting, peer, header, client):
    assert parse_trusted_proxies(setting).client_of(peer, header) == client


@pytest.mark.parametrize(
    "setting", ["10", "-1", "yes", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "proxy.local"]
)
def test_a_setting_that_cannot_be_is_refused_by_name(setting):
    with pytest.raises(BadSetting, match="SIGNALBOX_TRUSTED_PROXIES"):
        parse_trusted_proxies(setting)
