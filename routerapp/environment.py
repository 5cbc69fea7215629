"""Environment variables of Signalbox: parsed once, refused by name, value and what is allowed.

The root secret beside them is read from the data folder (root_secret.py).
"""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from routerapp.bad_setting import BadSetting as BadSetting
from routerapp.client_address import TrustedProxies, parse_trusted_proxies
from routerapp.database_settings import NAMES as DATABASE_NAMES
from routerapp.database_settings import read_database
from routerapp.journal_settings import NAMES as JOURNAL_NAMES
from routerapp.journal_settings import JournalSettings, read_journal
from routerapp.observability_settings import NAMES as OBSERVABILITY_NAMES
from routerapp.observability_settings import ObservabilitySettings, read_observability
from routerapp.oidc_settings import NAMES as OIDC_NAMES
from routerapp.oidc_settings import OidcSettings, read_oidc
from routerapp.root_secret import FILE_NAME as ROOT_SECRET_FILE
from routerapp.root_secret import BadRootSecret, RootSecret, derive_key, make_root_secret, read_root_secret
from routerapp.smtp_settings import NAMES as SMTP_NAMES
from routerapp.smtp_settings import SmtpSettings, read_smtp
from routerapp.valkey_settings import NAMES as VALKEY_NAMES
from routerapp.valkey_settings import ValkeySettings, read_valkey
from routerapp.worker_settings import NAMES as WORKER_NAMES
from routerapp.worker_settings import WorkerSettings, read_worker_settings

LEAST_PASSWORD = 10
KNOWN = frozenset(
    {
        "SIGNALBOX_ADMIN_PASSWORD",
        "SIGNALBOX_ALLOWED_HOSTS",
        "SIGNALBOX_BACKUP_PASSPHRASE",
        "SIGNALBOX_DATA_DIR",
        "SIGNALBOX_DEMO",
        "SIGNALBOX_EGRESS_ALLOW",
        "SIGNALBOX_HOST",
        "SIGNALBOX_PORT",
        "SIGNALBOX_PUBLIC_URL",
        "SIGNALBOX_TRUSTED_PROXIES",
        *JOURNAL_NAMES,
        *DATABASE_NAMES,
        *OBSERVABILITY_NAMES,
        *OIDC_NAMES,
        *SMTP_NAMES,
        *WORKER_NAMES,
        *VALKEY_NAMES,
    }
)


@dataclass(frozen=True, slots=True)
class Environment:
    """What the operator set. Passwords and secrets are kept out of repr.

    root_secret encrypts; old_secrets only decrypt, while a rotation is under way; pepper, else root_secret, is under keyed hashes.
    is_new_folder: this very process made the root secret.
    """

    data_dir: Path
    host: str
    port: int
    is_demo: bool
    admin_password: str | None = field(repr=False)
    allowed_hosts: tuple[str, ...]
    public_url: str
    database: dict[str, Any] = field(repr=False)
    egress_allow: tuple[str, ...]
    root_secret: bytes = field(repr=False)
    old_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    pepper: bytes | None = field(default=None, repr=False)
    backup_passphrase: str | None = field(default=None, repr=False)
    is_new_folder: bool = False
    trusted_proxies: TrustedProxies = field(default_factory=TrustedProxies)
    oidc: OidcSettings | None = None
    smtp: SmtpSettings | None = None
    observability: ObservabilitySettings = field(default_factory=ObservabilitySettings)
    gateway: WorkerSettings = field(default_factory=WorkerSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    valkey: ValkeySettings | None = None

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def trusted_origins(self) -> tuple[str, ...]:
        return (self.public_url,) if self.is_https else ()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose; no two purposes share a key."""
        return derive_key(self.root_secret, purpose)

    def secret_key(self, purpose: str) -> str:
        return base64.urlsafe_b64encode(self.derive(purpose)).decode()

    def old_secret_keys(self, purpose: str) -> list[str]:
        return [base64.urlsafe_b64encode(derive_key(secret, purpose)).decode() for secret in self.old_secrets]


def read_environment(base_dir: Path, variables: Mapping[str, str] = os.environ) -> Environment:
    """Raises BadSetting for the first variable that cannot be used."""
    _refuse_unknown(variables)
    host = _read_host(variables)
    port = _read_port(variables)
    data_dir = _read_data_dir(base_dir, variables)
    public_url = _read_public_url(variables, host, port)
    is_new_folder = not (data_dir / ROOT_SECRET_FILE).exists()
    secret = _read_root_secret(data_dir / ROOT_SECRET_FILE)
    return Environment(
        data_dir=data_dir,
        host=host,
        port=port,
        is_demo=_read_switch(variables, "SIGNALBOX_DEMO", default=True),
        admin_password=_read_password(variables),
        allowed_hosts=_read_allowed_hosts(variables, host, public_url),
        public_url=public_url,
        database=read_database(variables, data_dir),
        egress_allow=_read_egress_allow(variables),
        root_secret=secret.primary,
        old_secrets=secret.old,
        pepper=secret.pepper,
        backup_passphrase=variables.get("SIGNALBOX_BACKUP_PASSPHRASE") or None,
        is_new_folder=is_new_folder,
        trusted_proxies=parse_trusted_proxies(variables.get("SIGNALBOX_TRUSTED_PROXIES", "")),
        oidc=read_oidc(variables),
        smtp=read_smtp(variables),
        observability=read_observability(variables),
        gateway=read_worker_settings(variables),
        journal=read_journal(variables),
        valkey=read_valkey(variables),
    )


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    for name in variables:
        if name.startswith("SIGNALBOX_") and name not in KNOWN:
            raise BadSetting(name, variables[name], "one of " + ", ".join(sorted(KNOWN)))


def _read_host(variables: Mapping[str, str]) -> str:
    host = variables.get("SIGNALBOX_HOST", "127.0.0.1")
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise BadSetting(
            "SIGNALBOX_HOST", host, "localhost or an IP address of this machine, such as 0.0.0.0"
        ) from None


def _read_port(variables: Mapping[str, str]) -> int:
    text = variables.get("SIGNALBOX_PORT", "8000")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise BadSetting("SIGNALBOX_PORT", text, "a whole number from 1 to 65535")
    return int(text)


def _read_switch(variables: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = variables.get(name)
    if text is None:
        return default
    if text not in ("0", "1"):
        raise BadSetting(name, text, "0 or 1")
    return text == "1"


def _read_password(variables: Mapping[str, str]) -> str | None:
    password = variables.get("SIGNALBOX_ADMIN_PASSWORD")
    if password is not None and len(password) < LEAST_PASSWORD:
        raise BadSetting("SIGNALBOX_ADMIN_PASSWORD", "…", f"at least {LEAST_PASSWORD} characters")
    return password


def _read_data_dir(base_dir: Path, variables: Mapping[str, str]) -> Path:
    text = variables.get("SIGNALBOX_DATA_DIR")
    if text == "":
        raise BadSetting("SIGNALBOX_DATA_DIR", text, "a folder that can be made and written")
    data_dir = Path(text or base_dir / "data").expanduser().resolve()
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadSetting("SIGNALBOX_DATA_DIR", str(data_dir), f"a folder that can be made ({error.strerror})") from None
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise BadSetting("SIGNALBOX_DATA_DIR", str(data_dir), "a folder that can be written")
    return data_dir


def _read_public_url(variables: Mapping[str, str], host: str, port: int) -> str:
    text = variables.get("SIGNALBOX_PUBLIC_URL")
    if text is None:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise BadSetting("SIGNALBOX_PUBLIC_URL", text, "https://name or http://name, with a port if needed, no path")
    return f"{parts.scheme}://{parts.netloc}"


def _read_allowed_hosts(variables: Mapping[str, str], host: str, public_url: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in variables.get("SIGNALBOX_ALLOWED_HOSTS", "").split(",") if part.strip())
    if "*" in named:
        raise BadSetting("SIGNALBOX_ALLOWED_HOSTS", "*", "host names separated by commas; a star would trust any Host")
    ours = ("localhost", "127.0.0.1", "[::1]", host, urlsplit(public_url).hostname or host)
    return tuple(dict.fromkeys((*ours, *named)))


def _read_egress_allow(variables: Mapping[str, str]) -> tuple[str, ...]:
    entries = tuple(part.strip() for part in variables.get("SIGNALBOX_EGRESS_ALLOW", "").split(",") if part.strip())
    for entry in entries:
        if "://" in entry or entry == "*" or any(character.isspace() for character in entry):
            raise BadSetting(
                "SIGNALBOX_EGRESS_ALLOW", entry, "host names, IP addresses or CIDR ranges separated by commas"
            )
    return entries


def _read_root_secret(path: Path) -> RootSecret:
    if not path.exists():
        make_root_secret(path)
    try:
        return read_root_secret(path)
    except (BadRootSecret, OSError) as error:
        raise BadSetting(
            "SIGNALBOX_DATA_DIR", str(path.parent), f"a folder whose root.key can be read ({error})"
        ) from None
