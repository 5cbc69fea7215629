"""Which database: SQLite in the data folder, or the PostgreSQL that SIGNALBOX_DATABASE_URL names. Parsed once; a password is never quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from routerapp.bad_setting import BadSetting

NAMES = ("SIGNALBOX_DATABASE_URL", "SIGNALBOX_DATABASE_PASSWORD_FILE")
_URL, _PASSWORD_FILE = NAMES
_ALLOWED = "postgresql://user:password@host:5432/name, with ?sslmode=… and the like after it; unset is SQLite in the data folder"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslrootcert", "sslcert", "sslkey")
_SCHEMES = ("postgresql", "postgres")
_NAME = re.compile(r"[^\x00-\x1f\x7f/?#]{1,63}\Z")
MOST_PASSWORD_BYTES = 4096
# A server that is away is noticed in this time, whoever asks: pages fail, the gateway serves from memory, the drainer waits.
CONNECT_SECONDS = 3
STATEMENT_MS, LOCK_MS, IDLE_IN_TRANSACTION_MS = 30_000, 5_000, 60_000
# A machine or network that went silent: bytes unanswered, or probes on a quiet connection, for this long.
SILENT_MS = 10_000


def read_database(variables: Mapping[str, str], data_dir: Path) -> dict[str, Any]:
    """Django's settings of the default database. Raises BadSetting."""
    url = variables.get(_URL, "")
    if url:
        return _postgresql(url, variables)
    if variables.get(_PASSWORD_FILE):
        raise BadSetting(_PASSWORD_FILE, variables[_PASSWORD_FILE], f"set together with {_URL}")
    return sqlite(data_dir / "signalbox.sqlite3")


def sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
        },
    }


def _postgresql(url: str, variables: Mapping[str, str]) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
        host = unquote(parts.hostname or "", errors="strict")
        user, password = (unquote(part or "", errors="strict") for part in (parts.username, parts.password))
        name = unquote(parts.path[1:], errors="strict")
    except ValueError:
        raise BadSetting(_URL, _shown(url), _ALLOWED) from None
    is_whole = parts.scheme in _SCHEMES and host and user and _NAME.match(name) and not parts.fragment
    if not is_whole or any("\0" in part for part in (host, user, password)):
        raise BadSetting(_URL, _shown(url), _ALLOWED)
    if file := variables.get(_PASSWORD_FILE):
        if password:
            raise BadSetting(_PASSWORD_FILE, file, f"unset when {_URL} holds a password")
        password = _read_password(file)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        # A page's thread ends with it. Threads that stay keep theirs by themselves (serving/startup.py, the drainer).
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_connection(), **_extras(url, parts.query)},
    }


def _connection() -> dict[str, Any]:
    limits = {
        "statement_timeout": STATEMENT_MS,
        "lock_timeout": LOCK_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_MS,
        # So that the server, too, notices when we are gone, and gives our locks to somebody else.
        "tcp_keepalives_idle": 30,
        "tcp_keepalives_interval": 5,
        "tcp_keepalives_count": 3,
    }
    return {
        "application_name": "signalbox",
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENT_MS,
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
    }


def _extras(url: str, query: str) -> dict[str, str]:
    """What may follow the question mark: how TLS is checked, and a name for the server's own lists."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise BadSetting(_URL, _shown(url), _ALLOWED) from None
    for name, value in pairs:
        if name in found:
            raise BadSetting(_URL, f"…?{name}=…", f"{name} once")
        if name == "sslmode" and value not in _SSL_MODES:
            raise BadSetting(_URL, f"…?sslmode={value}", ", ".join(_SSL_MODES))
        if name in _FILES and not Path(value).is_file():
            raise BadSetting(_URL, f"…?{name}={value}", "a file that is there")
        if name not in ("sslmode", "application_name", *_FILES):
            raise BadSetting(_URL, f"…?{name}=…", ", ".join(("sslmode", *_FILES, "application_name")))
        found[name] = value
    return found


def _read_password(file: str) -> str:
    try:
        with Path(file).open("rb") as content:
            password = content.read(MOST_PASSWORD_BYTES + 1)
        text = password.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise BadSetting(
            _PASSWORD_FILE, file, f"a file that can be read and holds the password alone ({why})"
        ) from None
    if not text or len(password) > MOST_PASSWORD_BYTES or "\0" in text or "\n" in text:
        raise BadSetting(_PASSWORD_FILE, file, "a file that holds one line, the password")
    return text


def _shown(url: str) -> str:
    """The address without what may be a password: everything between the scheme and the last @, and everything after a ?."""
    scheme, _, rest = url.partition("://")
    if not rest or not re.fullmatch(r"[a-z0-9+.-]{1,20}", scheme):
        return "…"
    place = rest.rpartition("@")[2].partition("?")[0] if "@" in rest else "…"
    return f"{scheme}://…@{place}" if place != "…" else f"{scheme}://…"
