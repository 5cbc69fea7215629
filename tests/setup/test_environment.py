"""A bad or not yet supported setting names the variable, the value and what is allowed."""

from __future__ import annotations

import os
import stat

import pytest

from routerapp.environment import BadSetting, Environment, read_environment


def read(tmp_path, **variables: str) -> Environment:
    return read_environment(tmp_path, {"SIGNALBOX_DATA_DIR": str(tmp_path / "data"), **variables})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIGNALBOX_PORT", "eighty"),
        ("SIGNALBOX_PORT", "0"),
        ("SIGNALBOX_PORT", "65536"),
        ("SIGNALBOX_PORT", "-1"),
        ("SIGNALBOX_PORT", "８０"),
        ("SIGNALBOX_HOST", "example.org"),
        ("SIGNALBOX_DEMO", "yes"),
        ("SIGNALBOX_WORKERS", "65"),
        ("SIGNALBOX_DATABASE_URL", "mysql://user:hunter2@db/x"),
        ("SIGNALBOX_PUBLIC_URL", "ftp://x"),
        ("SIGNALBOX_PUBLIC_URL", "https://x/path"),
        ("SIGNALBOX_ALLOWED_HOSTS", "*"),
        ("SIGNALBOX_EGRESS_ALLOW", "http://localhost"),
        ("SIGNALBOX_EGRESS_ALLOW", "*"),
        ("SIGNALBOX_TYPO", "1"),
        ("SIGNALBOX_DATA_DIR", ""),
        ("SIGNALBOX_DATA_DIR", "/proc/nowhere"),
    ],
)
def test_refuses_by_name_value_and_what_is_allowed(tmp_path, variable, value):
    with pytest.raises(BadSetting) as refusal:
        read(tmp_path, **{variable: value})

    message = str(refusal.value)
    assert variable in message
    assert "Allowed:" in message


def test_never_repeats_a_password_or_a_database_address(tmp_path):
    with pytest.raises(BadSetting) as short:
        read(tmp_path, SIGNALBOX_ADMIN_PASSWORD="hunter2")
    with pytest.raises(BadSetting) as database:
        read(tmp_path, SIGNALBOX_DATABASE_URL="postgres://user:hunter2@db/x?sslmode=never")

    assert "hunter2" not in str(short.value) + str(database.value)


def test_makes_its_own_secret_once_and_only_for_the_owner(tmp_path):
    first = read(tmp_path)
    second = read(tmp_path)
    key = tmp_path / "data" / "root.key"

    assert first.root_secret == second.root_secret
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert first.derive("django") != first.derive("credentials")
    assert str(first.root_secret) not in repr(first)


def test_a_damaged_secret_is_refused_not_replaced(tmp_path):
    read(tmp_path)
    (tmp_path / "data" / "root.key").write_text("short")

    with pytest.raises(BadSetting, match=r"root\.key"):
        read(tmp_path)
    assert (tmp_path / "data" / "root.key").read_text() == "short"


def test_defaults_serve_this_machine_only(tmp_path):
    environment = read(tmp_path)

    assert (environment.host, environment.port, environment.is_demo) == ("127.0.0.1", 8000, True)
    assert environment.public_url == "http://127.0.0.1:8000"
    assert not environment.is_https


def test_https_is_known_from_the_public_address(tmp_path):
    environment = read(tmp_path, SIGNALBOX_PUBLIC_URL="https://router.example.org")

    assert environment.is_https
    assert environment.trusted_origins == ("https://router.example.org",)
    assert "router.example.org" in environment.allowed_hosts
