"""Opens what this gateway process says to its siblings, and leaves its end in runtime.on_close."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from routerapp.serving.decisions import recent_decision
from routerapp.serving.runtime import Runtime
from routerapp.serving.siblings import FOLDER, Siblings


async def meet_siblings(runtime: Runtime) -> None:
    """Does nothing in a process that no supervisor has started."""
    folder = os.environ.get(FOLDER)
    if runtime.place is None or folder is None:
        return

    def decision(decision_id: str) -> bytes | None:
        document = recent_decision(runtime, decision_id)
        return None if document is None else orjson.dumps(document)

    runtime.siblings = Siblings(Path(folder), runtime.place.name)
    runtime.siblings.answers["decision"] = decision
    await runtime.siblings.open()
    runtime.on_close.append(runtime.siblings.close)
