"""Where e-mail goes out: SIGNALBOX_SMTP_URL and SIGNALBOX_MAIL_FROM, parsed once. Only together do they mean anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from routerapp.bad_setting import BadSetting

NAMES = ("SIGNALBOX_SMTP_URL", "SIGNALBOX_MAIL_FROM")
_URL, _FROM = NAMES
_PORTS = {"smtp": 587, "smtps": 465}
_ALLOWED = "smtp://host:587 (TLS when the server offers it) or smtps://host:465, with user:password@ before the host if it wants one"


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """is_tls: from the first byte; otherwise STARTTLS when the server offers it, and always before a password."""

    host: str
    port: int
    is_tls: bool
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)


def read_smtp(variables: Mapping[str, str]) -> SmtpSettings | None:
    """None when neither is set. Raises BadSetting, which never quotes the password."""
    url, sender = (variables.get(name, "").strip() for name in NAMES)
    if not url and not sender:
        return None
    if not url or not sender:
        raise BadSetting(_FROM if url else _URL, "", f"set together with {_URL if url else _FROM}")
    if "@" not in parseaddr(sender)[1] or not sender.isprintable():
        raise BadSetting(_FROM, sender[:100], "an address such as alerts@example.org or Signalbox <alerts@example.org>")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise BadSetting(_URL, "…", _ALLOWED) from None
    is_whole = parts.path in ("", "/") and not parts.query and not parts.fragment
    if not parts.hostname or not is_whole or bool(parts.username) != bool(parts.password):
        raise BadSetting(_URL, "…", _ALLOWED)
    return SmtpSettings(
        parts.hostname,
        port,
        parts.scheme == "smtps",
        sender,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
