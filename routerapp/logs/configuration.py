"""Django's LOGGING from what the operator set, with every secret this process is given at its start made known to the redactor."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from routerapp.environment import Environment
from routerapp.logs.redaction import redactor

_SECRET_NAMES = (
    "SIGNALBOX_ADMIN_PASSWORD",
    "SIGNALBOX_BACKUP_PASSPHRASE",
    "SIGNALBOX_METRICS_TOKEN",
    "SIGNALBOX_OIDC_CLIENT_SECRET",
)
_URL_NAMES = ("SIGNALBOX_DATABASE_URL", "SIGNALBOX_SMTP_URL", "SIGNALBOX_VALKEY_URL")


def logging_configuration(environment: Environment, variables: Mapping[str, str]) -> dict[str, Any]:
    wanted = environment.observability
    for secret in known_secrets(environment, variables):
        redactor().remember(secret)
    lines = "JsonLines" if wanted.log_format == "json" else "TextLines"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"routerapp.logs.lines.{lines}", "redactor": redactor()}},
        "filters": {"outages": {"()": "routerapp.logs.outages.DatabaseOutages"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["outages"]}},
        "root": {"handlers": ["console"], "level": wanted.log_level},
        "loggers": {
            "signalbox.access": {"level": "INFO"},
            # These tell at INFO and DEBUG what they send, headers and all.
            **{name: {"level": "WARNING"} for name in ("httpx", "httpcore", "asyncio", "kombu", "django.db")},
        },
    }


def known_secrets(environment: Environment, variables: Mapping[str, str]) -> Iterable[str]:
    """In every spelling in which they might be printed."""
    for name in _SECRET_NAMES:
        yield variables.get(name, "")
    for name in _URL_NAMES:
        yield from _passwords(variables.get(name, ""))
    yield environment.database.get("PASSWORD", "")
    if environment.observability.otlp is not None:
        yield from environment.observability.otlp.headers.values()
    for secret in (environment.root_secret, *environment.old_secrets, environment.pepper or b""):
        yield from (secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode())


def _passwords(url: str) -> Iterable[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return
    yield password
    yield unquote(password)
