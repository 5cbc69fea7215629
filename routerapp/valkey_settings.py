"""Where gateway processes share their live state: SIGNALBOX_VALKEY_URL, parsed once. Valkey, or Redis from 6.2 on.

Set by whoever runs the product, like the database's address, so the egress guard, which holds what administrators enter, is not asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from routerapp.bad_setting import BadSetting

URL = "SIGNALBOX_VALKEY_URL"
NAMES = (URL,)
DEFAULT_PORT = 6379
MOST_DATABASE = 9_999
_TLS_OF = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
_ALLOWED = (
    "redis://host:6379/0, valkey://host:6379/0, with TLS rediss://host:6379/0 or valkeys://host:6379/0, with user:password@ or "
    ":password@ before the host if it wants one; or unix:///path/to/socket, with ?db=0 for another database"
)


@dataclass(frozen=True, slots=True)
class ValkeySettings:
    """path: of a socket; then host is empty."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""
    database: int = 0
    is_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """For logs and pages: where it is, never how to get in."""
        return self.path or f"{self.host}:{self.port}"


def read_valkey(variables: Mapping[str, str]) -> ValkeySettings | None:
    """None when it is not set. Raises BadSetting, which never quotes the password."""
    url = variables.get(URL, "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        settings = _of_socket(parts) if parts.scheme == "unix" else _of_host(parts)
    except (ValueError, KeyError):
        raise BadSetting(URL, "…", _ALLOWED) from None
    return settings


def _of_host(parts: SplitResult) -> ValkeySettings:
    path = parts.path.strip("/")
    if not parts.hostname or parts.query or parts.fragment or (parts.username and not parts.password):
        raise ValueError
    port = DEFAULT_PORT if parts.port is None else parts.port
    if port == 0:
        raise ValueError
    return ValkeySettings(
        host=parts.hostname,
        port=port,
        database=_database(path or "0"),
        is_tls=_TLS_OF[parts.scheme],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _of_socket(parts: SplitResult) -> ValkeySettings:
    """unix://user:password@/path is what other tools write; the host stays empty."""
    if parts.hostname or not parts.path.startswith("/") or parts.path == "/" or parts.fragment:
        raise ValueError
    name, equals, value = parts.query.partition("=")
    if parts.query and (name != "db" or not equals):
        raise ValueError
    return ValkeySettings(
        path=unquote(parts.path),
        database=_database(value or "0"),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:6]) > MOST_DATABASE:
        raise ValueError
    return int(text)
