"""The one guard every outgoing request passes: which URLs and which resolved addresses may be talked to. Opens no connection itself.

A URL is checked before anything is looked up, each address after it was looked up, and the connection goes to the checked address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from routerapp.providers.address_ranges import GLOBAL_V6, ISATAP_MARKERS, METADATA, REFUSED_V4, REFUSED_V6
from routerapp.providers.errors import EgressRefused

Address = IPv4Address | IPv6Address
_AUTHORITY = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_ENDS_IN_A_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?$")
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")
_REMEMBERED_URLS = 1_000


class EgressGuard:
    """allow: what the operator listed in SIGNALBOX_EGRESS_ALLOW: host names, IP addresses, networks."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._hosts: set[str] = set()
        self._networks: list[IPv4Network | IPv6Network] = []
        self._fine: set[str] = set()
        for entry in allow:
            try:
                self._networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._hosts.add(entry.lower().rstrip("."))

    def check_url(self, url: str) -> None:
        """Raises EgressRefused unless the URL is plain http(s) to a public-looking or allowed host. Looks nothing up."""
        if url in self._fine:
            return
        self._check_host(_host_of(url))
        if len(self._fine) >= _REMEMBERED_URLS:
            self._fine.clear()
        self._fine.add(url)

    def check_address(self, address: str, host: str = "") -> None:
        """Raises EgressRefused for an address we may not connect to. host: the name it was looked up for."""
        try:
            parsed = ip_address(address)
        except ValueError:
            raise EgressRefused(f"{address!r} is not an IP address.") from None
        if getattr(parsed, "scope_id", None):
            raise EgressRefused(f"{address} names a network interface.")
        if self._is_listed(parsed):
            return
        if host.lower() in self._hosts and not any(parsed in network for network in METADATA):
            return
        if is_refused(parsed):
            raise EgressRefused(
                f"{address} is not a public address. If it is yours, list it in SIGNALBOX_EGRESS_ALLOW."
            )

    def check_addresses(self, host: str, addresses: Iterable[str]) -> None:
        """One bad address among several refuses them all: a name that mixes them is not to be trusted."""
        for address in addresses:
            self.check_address(address, host)

    def _check_host(self, host: str) -> None:
        if host.startswith("["):
            self.check_address(host[1:-1])
            return
        if _ENDS_IN_A_NUMBER.search(host):
            if not _is_plain_ipv4(host):
                raise EgressRefused(f"{host} is an IP address in an unusual spelling.")
            self.check_address(host)
            return
        if not _NAME.fullmatch(host):
            raise EgressRefused(f"{host!r} is not a host name.")
        if (host in _LOCAL_NAMES or host.endswith(".localhost")) and not self._is_local_allowed(host):
            raise EgressRefused(f"{host} is this machine. To use a local model, list it in SIGNALBOX_EGRESS_ALLOW.")

    def _is_local_allowed(self, host: str) -> bool:
        return host in self._hosts or self._is_listed(ip_address("127.0.0.1")) or self._is_listed(ip_address("::1"))

    def _is_listed(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def is_refused(address: Address) -> bool:
    """Whether an address is out of bounds for everybody who did not list it."""
    if isinstance(address, IPv4Address):
        return any(address in network for network in REFUSED_V4)
    if address not in GLOBAL_V6 or any(address in network for network in REFUSED_V6):
        return True
    return int(address) >> 32 & 0xFFFF_FFFF in ISATAP_MARKERS


def _host_of(url: str) -> str:
    """The host in lower case, IPv6 in brackets. Only one spelling of an authority passes, so that no two parsers can differ."""
    if not url.isascii() or not url.isprintable() or any(mark in url for mark in " \\<>\"'`"):
        raise EgressRefused("The address contains characters that do not belong in a URL.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EgressRefused("The address is not a URL.") from None
    if parts.scheme not in ("http", "https"):
        raise EgressRefused("Only http:// and https:// addresses can be used.")
    if "@" in parts.netloc:
        raise EgressRefused("An address must not contain a user name or password.")
    if not _AUTHORITY.fullmatch(parts.netloc) or port == 0:
        raise EgressRefused("The address has no usable host.")
    return parts.netloc.lower() if port is None else parts.netloc.lower().rpartition(":")[0]


def _is_plain_ipv4(host: str) -> bool:
    try:
        return str(IPv4Address(host)) == host
    except ValueError:
        return False
