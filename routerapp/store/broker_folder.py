"""Kombu's filesystem transport with messages that appear whole: the stock one can be read before it is written, which ends the worker.

Imported by kombu only, when a broker connection is opened.
"""

from __future__ import annotations

import logging
import os
import uuid
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """A message is a file <time>_<uuid>.<queue>.msg; names that begin with a dot are being written or taken."""

    # kombu's own base classes disagree about this signature.
    def _put(self, queue: Any, payload: Any, **_: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time_ns()}_{uuid.uuid4()}.{queue}.msg"
        unfinished = folder / f".{name}"
        unfinished.write_text(dumps(payload))
        unfinished.rename(folder / name)

    def _get(self, queue: Any, timeout: Any = None) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):
            if name.startswith(".") or name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f".{name}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue
            text = taken.read_text(errors="replace")
            taken.unlink()
            try:
                return loads(text)
            except ValueError:
                log.warning("The message %s is not JSON and was dropped; its job is sent again.", name)
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
