"""Whose address a request comes from: the peer's, or what trusted proxies report of it. Pure; dashboard/request_address.py applies it.

X-Forwarded-For is a claim anybody can write. Only its entries written by proxies the operator named are believed, read from the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from routerapp.bad_setting import BadSetting

VARIABLE = "SIGNALBOX_TRUSTED_PROXIES"
ALLOWED = "the number of proxies in front (0 to 9), or their addresses or CIDR ranges separated by commas"
MOST_PROXIES = 9
MOST_ENTRIES = 50
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """How many proxies stand in front, or in which networks they are; by default there are none."""

    count: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def client_of(self, peer: str, forwarded_for: str) -> str:
        """The client's address in plain spelling; the peer itself whenever the header does not bear out what was set."""
        here = _parse(peer)
        if here is None:
            return peer
        entries = forwarded_for.split(",")[-MOST_ENTRIES:] if forwarded_for else []
        if self.count:
            return str(self._by_count(here, entries))
        return str(self._by_network(here, entries))

    def _by_count(self, peer: Address, entries: list[str]) -> Address:
        if len(entries) < self.count:
            return peer
        return _parse(entries[-self.count]) or peer

    def _by_network(self, peer: Address, entries: list[str]) -> Address:
        """Walk back while the one who reports is trusted; the first stranger is the client."""
        here = peer
        while entries and self._is_trusted(here):
            before = _parse(entries.pop())
            if before is None:
                break
            here = before
        return here

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def parse_trusted_proxies(text: str) -> TrustedProxies:
    """Raises BadSetting."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        if int(text) > MOST_PROXIES:
            raise BadSetting(VARIABLE, text, ALLOWED)
        return TrustedProxies(count=int(text))
    networks = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ip_network(entry)
        except ValueError:
            raise BadSetting(VARIABLE, entry, ALLOWED) from None
        if network.prefixlen == 0:
            raise BadSetting(VARIABLE, entry, ALLOWED + "; a range of everything would trust everybody")
        networks.append(network)
    return TrustedProxies(networks=tuple(networks))


def _parse(text: str) -> Address | None:
    """An address as proxies write it: with a port, in brackets, IPv4 inside IPv6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
