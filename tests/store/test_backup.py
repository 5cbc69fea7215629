"""A backup: everything in one file, sealed, and refused whole when one byte of it is not what was written."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from contextlib import closing
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from django.conf import settings as django_settings
from django.db import connection

from routerapp.models import InstallationState, Team
from routerapp.root_secret import make_root_secret
from routerapp.store import backup as making
from routerapp.store.backup_format import (
    DATABASE,
    MANIFEST,
    SECRETS,
    BadBackup,
    Secrets,
    entry_of,
    parse_manifest,
    seal,
    unseal,
)
from routerapp.store.restore import FolderNotEmpty, refuse_used_folder, restore_backup
from routerapp.store.secrets import check_canary

PASSPHRASE = "four words nobody guesses"
needs_rows = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True, scope="module")
def _cheap_scrypt():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("routerapp.store.backup_format.SCRYPT_N", 2**4)
        yield


@pytest.fixture(scope="module")
def _a_canary(django_db_setup, django_db_blocker):
    """Committed, so that another connection sees it; gone when these tests are."""
    with django_db_blocker.unblock():
        check_canary()
        yield
        InstallationState.objects.all().delete()


@pytest.fixture
def folder(tmp_path):
    return a_folder(tmp_path / "data")


def a_folder(made):
    """A data folder with the secret of this process, one segment of journal and one refused record."""
    boot = made / "spool" / "0001-abc"
    boot.mkdir(parents=True)
    (boot / "00000000.log").write_bytes(b"frames")
    (boot / "lock").touch()
    (boot / "reserve").write_bytes(b"0" * 100)
    (made / "refused").mkdir()
    (made / "refused" / "0001-abc-00000000-7.bin").write_bytes(b"rubbish")
    secret = django_settings.ENVIRONMENT.root_secret
    (made / "root.key").write_bytes(base64.urlsafe_b64encode(secret))
    (made / "first-key").write_text("sb_live_x\n")
    return made


@pytest.fixture(scope="module")
def _one(tmp_path_factory, _a_canary, django_db_blocker):
    folder = tmp_path_factory.mktemp("backed-up")
    with django_db_blocker.unblock():
        return making.make_backup(a_folder(folder / "data"), folder / "x.backup", PASSPHRASE).path


@pytest.fixture
def made(_one, tmp_path):
    """A backup of such a folder, one copy a test."""
    return Path(shutil.copy2(_one, tmp_path / "x.backup"))


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """An empty data folder; the database is put where this process would look for it."""
    target = tmp_path / "restored"
    target.mkdir()
    monkeypatch.setitem(connection.settings_dict, "NAME", str(target / "signalbox.sqlite3"))
    return target


def repacked(backup: Path, change) -> Path:
    """The same archive with its members passed through change(name, content) -> content or None."""
    target = backup.with_name("changed.backup")
    with tarfile.open(backup) as old, tarfile.open(target, "w:gz") as new:
        for member in old.getmembers():
            content = change(member.name, old.extractfile(member).read())
            if content is not None:
                info = tarfile.TarInfo(member.name)
                info.size = len(content)
                new.addfile(info, BytesIO(content))
    return target


def test_it_is_one_file_for_its_owner_with_everything_in_it(made):
    with tarfile.open(made) as tar:
        names = tar.getnames()
        manifest = parse_manifest(tar.extractfile(MANIFEST).read())

    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert names == [
        MANIFEST,
        SECRETS,
        "refused/0001-abc-00000000-7.bin",
        "spool/0001-abc/00000000.log",
        DATABASE,
    ]
    assert manifest.migrations["routerapp"][0] == "0001_first_tables"
    assert [path.name for path in made.parent.iterdir() if path.name.startswith(".")] == []


def test_no_secret_is_in_it_in_clear(made, folder):
    content = b""
    with tarfile.open(made) as tar:
        for member in tar.getmembers():
            content += tar.extractfile(member).read()

    assert (folder / "root.key").read_bytes() not in content
    assert base64.b64encode((folder / "root.key").read_bytes()) not in content
    assert b"sb_live_x" not in content


def test_what_is_restored_is_what_was_backed_up(made, empty, folder):
    restored = restore_backup(made, empty, PASSPHRASE)

    assert (empty / "root.key").read_bytes() == (folder / "root.key").read_bytes()
    assert stat.S_IMODE((empty / "root.key").stat().st_mode) == 0o600
    assert (empty / "first-key").read_text() == "sb_live_x\n"
    assert (empty / "spool" / "0001-abc" / "00000000.log").read_bytes() == b"frames"
    assert (empty / "refused" / "0001-abc-00000000-7.bin").read_bytes() == b"rubbish"
    with closing(sqlite3.connect(empty / "signalbox.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM routerapp_installationstate").fetchone() == (1,)
    assert restored.manifest.is_sealed
    assert {path.name for path in empty.iterdir()} == {"root.key", "first-key", "spool", "refused", "signalbox.sqlite3"}


@pytest.mark.parametrize("passphrase", ["wrong passphrase", "", None])
def test_without_the_passphrase_there_is_nothing_to_restore(made, empty, passphrase):
    with pytest.raises(BadBackup, match="passphrase"):
        restore_backup(made, empty, passphrase)
    assert list(empty.iterdir()) == []


@needs_rows
def test_a_plain_one_needs_none(folder, tmp_path, request):
    check_canary()
    path = making.make_backup(folder, tmp_path / "plain.backup", None).path
    empty = request.getfixturevalue("empty")

    assert not restore_backup(path, empty, None).manifest.is_sealed


@pytest.mark.parametrize("name", [MANIFEST, SECRETS, "spool/0001-abc/00000000.log", DATABASE])
def test_one_changed_byte_anywhere_is_refused(made, empty, name):
    def flip(member: str, content: bytes) -> bytes:
        if member != name:
            return content
        place = len(content) // 2
        return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    with pytest.raises(BadBackup):
        restore_backup(repacked(made, flip), empty, PASSPHRASE)
    assert list(empty.iterdir()) == []


def test_files_exchanged_together_with_the_manifest_are_refused(made, empty, tmp_path):
    """Digests alone would be satisfied; the seal holds the digest of them all."""
    evil = tmp_path / "evil"
    evil.write_bytes(b"other frames")

    def exchange(member: str, content: bytes) -> bytes:
        if member == "spool/0001-abc/00000000.log":
            return evil.read_bytes()
        if member == MANIFEST:
            manifest = parse_manifest(content)
            files = {**manifest.files, "spool/0001-abc/00000000.log": entry_of(evil)}
            return msgspec.json.encode(msgspec.structs.replace(manifest, files=files))
        return content

    with pytest.raises(BadBackup, match="changed the backup"):
        restore_backup(repacked(made, exchange), empty, PASSPHRASE)


@pytest.mark.parametrize("missing", [SECRETS, "spool/0001-abc/00000000.log", DATABASE, MANIFEST])
def test_one_that_is_cut_short_is_refused(made, empty, missing):
    with pytest.raises(BadBackup):
        restore_backup(repacked(made, lambda name, content: None if name == missing else content), empty, PASSPHRASE)
    half = made.with_name("half.backup")
    half.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    with pytest.raises(BadBackup):
        restore_backup(half, empty, PASSPHRASE)
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "spool/../../x.log", "spool/a/b/c.log", "root.key"])
def test_a_file_nobody_backs_up_is_refused_wherever_it_would_go(made, empty, name):
    def add(member: str, content: bytes) -> bytes:
        if member != MANIFEST:
            return content
        document = json.loads(content)
        document["files"][name] = {"sha256": "0" * 64, "bytes": 1}
        return json.dumps(document).encode()

    with pytest.raises(BadBackup, match="no backup holds"):
        restore_backup(repacked(made, add), empty, PASSPHRASE)


def test_links_and_folders_in_it_are_refused(made, empty):
    target = made.with_name("link.backup")
    with tarfile.open(made) as old, tarfile.open(target, "w:gz") as new:
        for member in old.getmembers():
            if member.name == DATABASE:
                link = tarfile.TarInfo(DATABASE)
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                new.addfile(link)
            else:
                new.addfile(member, old.extractfile(member))

    with pytest.raises(BadBackup):
        restore_backup(target, empty, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"not a backup", b"\x1f\x8b\x08" + b"\0" * 40])
def test_any_other_file_is_said_to_be_none(tmp_path, empty, content):
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(BadBackup):
        restore_backup(path, empty, PASSPHRASE)


def test_a_newer_schema_is_refused_by_name(made, empty):
    def newer(member: str, content: bytes) -> bytes:
        if member != MANIFEST:
            return content
        document = json.loads(content)
        document["migrations"]["routerapp"].append("9999_from_the_future")
        return json.dumps(document).encode()

    with pytest.raises(BadBackup, match="newer Signalbox"):
        restore_backup(repacked(made, newer), empty, PASSPHRASE)


@needs_rows
def test_a_database_of_another_secret_is_refused(folder, tmp_path, request):
    check_canary()
    (folder / "root.key").unlink()
    make_root_secret(folder / "root.key")
    path = making.make_backup(folder, tmp_path / "mixed.backup", PASSPHRASE).path
    empty = request.getfixturevalue("empty")

    with pytest.raises(BadBackup, match="not made with the root secret"):
        restore_backup(path, empty, PASSPHRASE)
    assert list(empty.iterdir()) == []


@needs_rows
def test_it_never_replaces_a_file_and_leaves_none_when_it_fails(folder, tmp_path, monkeypatch):
    taken = tmp_path / "taken.backup"
    taken.write_text("mine")
    with pytest.raises(BadBackup, match="exists"):
        making.make_backup(folder, taken, PASSPHRASE)
    with pytest.raises(BadBackup, match="at least 12"):
        making.make_backup(folder, tmp_path / "y.backup", "short")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "_pack", full)
    with pytest.raises(OSError, match="No space"):
        making.make_backup(folder, tmp_path / "y.backup", PASSPHRASE)
    assert taken.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"data", "taken.backup"}


def test_restoring_never_mixes_with_what_is_there(tmp_path):
    (tmp_path / "root.key").write_text("x")
    refuse_used_folder(tmp_path, is_new=True)
    with pytest.raises(FolderNotEmpty, match=r"root\.key from before"):
        refuse_used_folder(tmp_path, is_new=False)
    (tmp_path / "signalbox.sqlite3").touch()
    with pytest.raises(FolderNotEmpty, match="not empty"):
        refuse_used_folder(tmp_path, is_new=True)


def test_a_seal_of_other_numbers_is_not_worked_on():
    sealed = json.loads(seal(Secrets({"root.key": ""}, ""), PASSPHRASE))
    sealed["n"] = 2**30

    with pytest.raises(BadBackup, match="does not know"):
        unseal(json.dumps(sealed).encode(), PASSPHRASE)


@needs_rows
def test_the_copy_is_taken_while_somebody_writes(folder, tmp_path):
    """A reader in WAL mode sees one moment and holds up nobody."""
    Team.objects.create(slug="before", name="before")
    original = making._copy_database

    def copy(target: Path) -> None:
        original(target)
        Team.objects.create(slug="after", name="after")

    making._copy_database = copy
    try:
        path = making.make_backup(folder, tmp_path / "x.backup", PASSPHRASE).path
    finally:
        making._copy_database = original
    with tarfile.open(path) as tar:
        (tmp_path / "copy.sqlite3").write_bytes(tar.extractfile(DATABASE).read())
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as database:
        assert database.execute("SELECT slug FROM routerapp_team").fetchall() == [("before",)]
    assert os.path.getsize(path) > 0
