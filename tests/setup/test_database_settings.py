"""Which database: SQLite unless an address of PostgreSQL is given, which is read strictly and never quoted with its password."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.database_settings import CONNECT_SECONDS, read_database
from routerapp.environment import read_environment

URL, FILE = "SIGNALBOX_DATABASE_URL", "SIGNALBOX_DATABASE_PASSWORD_FILE"
GOOD = "postgresql://router:hunter2@db.example:6432/signalbox?sslmode=require"


def test_nothing_said_is_sqlite_in_the_data_folder(tmp_path) -> None:
    settings = read_database({}, tmp_path)

    assert settings["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["NAME"] == str(tmp_path / "signalbox.sqlite3")


def test_an_address_is_taken_apart(tmp_path) -> None:
    settings = read_database({URL: GOOD}, tmp_path)

    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example", 6432, "signalbox")
    assert (settings["USER"], settings["PASSWORD"]) == ("router", "hunter2")
    assert settings["OPTIONS"]["sslmode"] == "require"
    assert settings["OPTIONS"]["connect_timeout"] == CONNECT_SECONDS == 3


def test_what_is_written_with_percent_signs_is_read_as_it_was_meant(tmp_path) -> None:
    settings = read_database({URL: "postgres://r%40x:p%2Fq%3F%25@[::1]/a%20b"}, tmp_path)

    assert (settings["USER"], settings["PASSWORD"]) == ("r@x", "p/q?%")
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("::1", 5432, "a b")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://router:hunter2@db/x",
        "postgresql:",
        "hunter2",
        "postgresql://router:hunter2@/x",
        "postgresql://:hunter2@db/x",
        "postgresql://db/x",
        "postgresql://router:hunter2@db",
        "postgresql://router:hunter2@db/",
        "postgresql://router:hunter2@db/a/b",
        "postgresql://router:hunter2@db:port/x",
        "postgresql://router:hunter2@db:99999/x",
        "postgresql://router:hunter2@db/x#part",
        "postgresql://router:hunter2@[db/x",
        "postgresql://router:hun%00ter2@db/x",
        "postgresql://router:hunter2@db/x?sslmode=never",
        "postgresql://router:hunter2@db/x?sslmode=require&sslmode=disable",
        "postgresql://router:hunter2@db/x?options=-c%20hunter2",
        "postgresql://router@db/x?password=hunter2",
        "postgresql://router:hunter2@db/x?sslrootcert=/nowhere/at.all",
        "postgresql://router:hunter2/with/slashes@db/x",
    ],
)
def test_another_address_is_refused_without_its_password(tmp_path, url) -> None:
    with pytest.raises(BadSetting) as refusal:
        read_database({URL: url}, tmp_path)

    assert str(refusal.value).startswith(URL)
    assert "Allowed:" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_the_password_may_come_from_a_file(tmp_path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")

    assert read_database({URL: "postgresql://router@db/x", FILE: str(secret)}, tmp_path)["PASSWORD"] == "hunter2"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines\n", b"\xff", b"nul\0", b"x" * 5000])
def test_a_file_that_holds_no_password_is_refused(tmp_path, content) -> None:
    secret = tmp_path / "password"
    secret.write_bytes(content)
    with pytest.raises(BadSetting, match=FILE):
        read_database({URL: "postgresql://router@db/x", FILE: str(secret)}, tmp_path)


def test_a_password_twice_or_for_nothing_is_refused(tmp_path) -> None:
    secret = tmp_path / "password"
    secret.write_text("other")
    with pytest.raises(BadSetting, match="unset when"):
        read_database({URL: GOOD, FILE: str(secret)}, tmp_path)
    with pytest.raises(BadSetting, match="together with"):
        read_database({FILE: str(secret)}, tmp_path)
    with pytest.raises(BadSetting, match="No such file"):
        read_database({URL: "postgresql://router@db/x", FILE: str(tmp_path / "none")}, tmp_path)


def test_the_environment_does_not_show_it(tmp_path) -> None:
    environment = read_environment(tmp_path, {"SIGNALBOX_DATA_DIR": str(tmp_path / "data"), URL: GOOD})

    assert environment.database["PASSWORD"] == "hunter2"
    assert "hunter2" not in repr(environment)
