"""SIGNALBOX_VALKEY_URL is read strictly, and its password is nowhere to be read again."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.serving.shown_settings import SET, _variable
from routerapp.valkey_settings import URL, ValkeySettings, read_valkey


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("redis://valkey", ValkeySettings("valkey")),
        ("valkey://valkey:7000/3", ValkeySettings("valkey", 7000, database=3)),
        ("rediss://:p%40ss@[::1]:6380", ValkeySettings("::1", 6380, is_tls=True, password="p@ss")),
        ("valkeys://ada:secret@valkey/", ValkeySettings("valkey", is_tls=True, username="ada", password="secret")),
        ("unix:///run/valkey.sock", ValkeySettings(path="/run/valkey.sock")),
        ("unix:///run/valkey.sock?db=2", ValkeySettings(path="/run/valkey.sock", database=2)),
    ],
)
def test_addresses_that_are_understood(url: str, settings: ValkeySettings) -> None:
    assert read_valkey({URL: url}) == settings


@pytest.mark.parametrize(
    "url",
    [
        "valkey:6379",
        "http://valkey",
        "redis://",
        "redis://valkey:0",
        "redis://valkey:99999",
        "redis://valkey:port",
        "redis://valkey/one",
        "redis://valkey/1/2",
        "redis://valkey/-1",
        "redis://valkey/99999999999999999999",
        "redis://valkey?db=1",
        "redis://valkey#x",
        "redis://ada@valkey",
        "redis+sentinel://a,b",
        "redis://[::1",
        "unix://run/valkey.sock",
        "unix:///",
        "unix:///run/valkey.sock?password=hunter2",
    ],
)
def test_others_are_refused_with_what_is_allowed(url: str) -> None:
    with pytest.raises(BadSetting) as refusal:
        read_valkey({URL: url})

    assert URL in str(refusal.value)
    assert "unix:///path" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_unset_is_none() -> None:
    assert read_valkey({}) is None
    assert read_valkey({URL: " "}) is None


def test_the_password_is_shown_nowhere() -> None:
    url = "redis://ada:hunter2@valkey:6379"
    settings = read_valkey({URL: url})

    assert settings is not None
    assert "hunter2" not in repr(settings) + settings.place
    assert _variable(URL, {URL: url}).value == SET
    with pytest.raises(BadSetting) as refusal:
        read_valkey({URL: "redis://ada:hunter2@valkey:6379/x"})
    assert "hunter2" not in str(refusal.value)
