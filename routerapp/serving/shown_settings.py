"""Every setting there is and where its value comes from, to be shown. Of a secret only whether it is set."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from routerapp.environment import KNOWN
from routerapp.models import InstallationState
from routerapp.serving.installation_settings import SettingValue, read_settings
from routerapp.serving.sign_in_settings import SECTION as SIGN_IN
from routerapp.serving.sign_in_settings import SignInSettings, read_sign_in_settings

ENVIRONMENT, INSTALLATION, DEFAULT = "environment", "installation", "default"
SET, UNSET = "set", "not set"
_SECRET_WORDS = (
    "PASSWORD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "KEY",
    "DATABASE_URL",
    "SMTP_URL",
    "VALKEY_URL",
    "HEADERS",
)
LONGEST = 300


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """value is text to read. origin: environment, installation or default."""

    name: str
    value: str
    origin: str
    about: str = ""


def shown_settings(variables: Mapping[str, str] = os.environ) -> tuple[ShownSetting, ...]:
    """Variables first, then what is set in the installation, each in a fixed order."""
    return (*(_variable(name, variables) for name in sorted(KNOWN)), *_installation(), *_sign_in())


def _variable(name: str, variables: Mapping[str, str]) -> ShownSetting:
    value = variables.get(name)
    is_secret = any(word in name for word in _SECRET_WORDS)
    if value is None:
        return ShownSetting(name, _in_force(name), DEFAULT)
    return ShownSetting(name, SET if is_secret else value[:LONGEST], ENVIRONMENT)


def _in_force(name: str) -> str:
    """What holds without the variable, where there is such a thing."""
    environment = settings.ENVIRONMENT
    values = {
        "SIGNALBOX_ALLOWED_HOSTS": ", ".join(environment.allowed_hosts),
        "SIGNALBOX_DATA_DIR": str(environment.data_dir),
        "SIGNALBOX_DEMO": "1" if environment.is_demo else "0",
        "SIGNALBOX_DURABILITY": "machine" if environment.journal.is_synced else "process",
        "SIGNALBOX_HOST": environment.host,
        "SIGNALBOX_PORT": str(environment.port),
        "SIGNALBOX_PUBLIC_URL": environment.public_url,
        "SIGNALBOX_DRAIN_SECONDS": str(environment.gateway.drain_seconds),
        "SIGNALBOX_WORKERS": str(environment.gateway.workers),
        "SIGNALBOX_SPOOL_MAX_BYTES": str(environment.journal.spool_max_bytes),
    }
    return values.get(name, UNSET)


def _installation() -> tuple[ShownSetting, ...]:
    return tuple(
        ShownSetting(one.setting.name, _text(_whole(one)), INSTALLATION if one.is_set else DEFAULT, one.setting.about)
        for one in read_settings()
    )


def _whole(one: SettingValue) -> Any:
    """What was chosen over what holds for the rest of it."""
    is_partial = isinstance(one.value, dict) and isinstance(one.setting.default, dict)
    return {**one.setting.default, **one.value} if is_partial else one.value


def _sign_in() -> tuple[ShownSetting, ...]:
    stored = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    origin = INSTALLATION if SIGN_IN in stored else DEFAULT
    defaults = asdict(SignInSettings())
    return tuple(
        ShownSetting(f"{SIGN_IN}.{name}", _text(value), origin if value != defaults[name] else DEFAULT)
        for name, value in asdict(read_sign_in_settings()).items()
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict) and value:
        text = ", ".join(f"{name}: {one}" for name, one in value.items())
    elif isinstance(value, list) and value:
        text = ", ".join(map(str, value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
