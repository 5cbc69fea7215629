"""Artefacts reach the data folder whole, under their address, and outlast the database."""

from __future__ import annotations

import hashlib
import os
import stat

import pytest

from routerapp.store.artefacts import FOLDER, MOST_KEPT, NoArtefact, cached_artefact

CONTENT = b"arrays"
ADDRESS = hashlib.sha256(CONTENT).hexdigest()


def never(sha256: str) -> bytes | None:
    raise AssertionError("The database was asked.")


def test_fetches_once_and_reads_the_file_from_then_on(tmp_path):
    path = cached_artefact(ADDRESS, tmp_path, {ADDRESS: CONTENT}.get)

    assert path == tmp_path / FOLDER / f"{ADDRESS}.safetensors"
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert cached_artefact(ADDRESS, tmp_path, never) == path


def test_a_file_whose_bytes_were_changed_is_fetched_again(tmp_path):
    path = cached_artefact(ADDRESS, tmp_path, {ADDRESS: CONTENT}.get)
    path.write_bytes(b"tampered")

    assert cached_artefact(ADDRESS, tmp_path, {ADDRESS: CONTENT}.get).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "stored", "words"),
    [
        (ADDRESS, {}, "is not in the database"),
        (ADDRESS, {ADDRESS: b"other"}, "damaged"),
        ("../../etc/passwd", {}, "64 hex digits"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_leaves_no_file(tmp_path, address, stored, words):
    with pytest.raises(NoArtefact, match=words):
        cached_artefact(address, tmp_path, stored.get)

    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_few_of_before_are_kept_for_a_way_back(tmp_path):
    contents = {hashlib.sha256(bytes([n])).hexdigest(): bytes([n]) for n in range(MOST_KEPT + 3)}
    for age, address in enumerate(contents):
        path = cached_artefact(address, tmp_path, contents.get)
        os.utime(path, (age, age))

    assert len(list((tmp_path / FOLDER).iterdir())) == MOST_KEPT
    assert path.exists()
