"""The other gateway processes of this data folder: asked for what only they have in memory, over sockets only their own user can open.

A question is one line, `<name> <detail>`; the answer is `+` and bytes, or `-` for nothing, until the end. Never on a request's way to a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = "_SIGNALBOX_SIBLINGS"
LONGEST_QUESTION = 1_024
LONGEST_ANSWER = 64 * 1024 * 1024
ANSWER_SECONDS = 1.0
# A socket's path has room for 104 to 108 bytes, by system.
LONGEST_FOLDER = 80
SUFFIX = ".sock"
Answer = Callable[[str], bytes | None]


def make_folder(data_dir: Path) -> Path:
    """Where the sockets are, emptied of those a killed supervisor has left. Raises OSError."""
    folder = data_dir / "workers"
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"signalbox-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")
    empty_folder(folder)
    return folder


def empty_folder(folder: Path) -> None:
    for path in folder.glob("*" + SUFFIX):
        path.unlink(missing_ok=True)


class Siblings:
    """name: of this process, `<slot>-<generation>`. answers: question -> what to say to it; called on the event loop."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.answers: dict[str, Answer] = {}
        self._folder = folder
        self._path = folder / (name + SUFFIX)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=LONGEST_QUESTION)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def ask(self, question: str, detail: str = "") -> dict[str, bytes | None]:
        """What each of the others says; None from one that has nothing. One that is silent or gone is left out."""
        names = sorted(path.stem for path in self._folder.glob("*" + SUFFIX) if path != self._path)
        answers = await asyncio.gather(*(self._ask_one(name, question, detail) for name in names))
        return {name: said[1:] if said[:1] == b"+" else None for name, said in zip(names, answers, strict=True) if said}

    async def _ask_one(self, name: str, question: str, detail: str) -> bytes:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._folder / (name + SUFFIX))
                try:
                    writer.write(f"{question} {detail}\n".encode())
                    return await _read_all(reader)
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, UnicodeDecodeError):
            async with asyncio.timeout(ANSWER_SECONDS):
                question, _, detail = (await reader.readline()).decode().rstrip("\n").partition(" ")
                answer = self.answers.get(question)
                said = answer(detail) if answer is not None else None
                writer.write(b"-" if said is None else b"+" + said)
                await writer.drain()
        writer.close()


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := await reader.read(256 * 1024):
        parts.append(part)
        size += len(part)
        if size > LONGEST_ANSWER:
            return b""
    return b"".join(parts)
