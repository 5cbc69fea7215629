"""Where a URL leads: scheme, host and port, and what is asked for there. Takes only URLs the egress guard has passed."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """host: lower case, without brackets."""

    is_tls: bool
    host: str
    port: int


def split_url(url: str) -> tuple[Origin, str, str]:
    """The origin, its Host header, and the request's target."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    usual = _PORTS[parts.scheme]
    port = parts.port or usual
    name = f"[{host}]" if ":" in host else host
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin(parts.scheme == "https", host, port), name if port == usual else f"{name}:{port}", target
