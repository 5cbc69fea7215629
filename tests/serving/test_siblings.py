"""Gateway processes of one data folder ask each other, and one that is gone, silent or strange holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from routerapp.serving import siblings as module
from routerapp.serving.siblings import Siblings, make_folder


@asynccontextmanager
async def some_siblings(folder: Path, *names: str) -> AsyncIterator[list[Siblings]]:
    found = [Siblings(folder, name) for name in names]
    for one in found:
        one.answers["echo"] = lambda detail, name=one.name: f"{name} heard {detail}".encode()  # type: ignore[misc]
        one.answers["nothing"] = lambda detail: None
        await one.open()
    yield found
    for one in found:
        await one.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)


async def test_all_others_answer_and_one_does_not_ask_itself(folder):
    async with some_siblings(folder, "0-1", "1-1", "2-1") as (first, *_):
        assert await first.ask("echo", "this") == {"1-1": b"1-1 heard this", "2-1": b"2-1 heard this"}
        assert await first.ask("nothing") == {"1-1": None, "2-1": None}
        assert await first.ask("unknown") == {"1-1": None, "2-1": None}
    assert list(folder.iterdir()) == []


async def test_an_answer_may_be_large(folder):
    async with some_siblings(folder, "0-1", "1-1") as (first, second):
        second.answers["much"] = lambda detail: b"x" * 5_000_000
        assert len((await first.ask("much"))["1-1"] or b"") == 5_000_000


async def test_one_that_was_killed_or_does_not_answer_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    async with some_siblings(folder, "0-1", "1-1", "2-1") as (first, second, _):
        assert second._server is not None
        second._server.close()
        silent = await asyncio.start_unix_server(say_nothing, folder / "3-1.sock")
        began = time.monotonic()

        assert await first.ask("echo", "this") == {"2-1": b"2-1 heard this"}
        assert time.monotonic() - began < 2
        silent.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("question", [b"", b"\n", b"\xff\xfe\n", b"x" * 100_000, b"echo \xff\n", b"echo"])
async def test_a_strange_question_ends_only_its_own_connection(folder, question, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    async with some_siblings(folder, "0-1", "1-1") as (first, _):
        reader, writer = await asyncio.open_unix_connection(folder / "1-1.sock")
        writer.write(question)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

        assert (await first.ask("echo", "x"))["1-1"] == b"1-1 heard x"


async def test_the_sockets_are_for_their_owner_only(folder):
    async with some_siblings(folder, "0-1"):
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "0-1.sock").stat().st_mode & 0o077 == 0


async def test_a_data_folder_with_a_long_path_has_its_sockets_elsewhere(tmp_path, monkeypatch):
    # A socket's path has at most 107 characters, and a test's own folder may have most of them.
    elsewhere = Path(mkdtemp(prefix="s"))
    monkeypatch.setattr(module, "LONGEST_FOLDER", 10)
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(elsewhere))
    folder = make_folder(tmp_path)

    assert folder.parent == elsewhere
    async with some_siblings(folder, "0-1", "1-1") as (first, _):
        assert await first.ask("echo", "x") == {"1-1": b"1-1 heard x"}


def test_a_folder_others_can_enter_is_refused_and_old_sockets_go(tmp_path):
    folder = make_folder(tmp_path)
    (folder / "7-3.sock").touch()
    assert list(make_folder(tmp_path).iterdir()) == []
    os.chmod(folder, 0o755)

    with pytest.raises(PermissionError, match="this user alone"):
        make_folder(tmp_path)
