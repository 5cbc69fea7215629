"""A benchmark in a process of its own: Django reads its settings once, and this needs a data folder that is thrown away."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

PROJECT = Path(__file__).resolve().parent.parent


def measured_in_scratch(name: str) -> dict[str, Any]:
    """Runs `python -m benchmarks.NAME FOLDER`, which ends in run_in_scratch. What goes wrong there is shown."""
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
        environment = {**kept, "SIGNALBOX_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "routerapp.settings"}
        command = [sys.executable, "-m", f"benchmarks.{name}", folder]
        done = subprocess.run(command, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return figures


def run_in_scratch(main: Callable[[Path], dict[str, Any]]) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, skip_checks=True)
    sys.stdout.buffer.write(orjson.dumps(main(Path(sys.argv[1]))) + b"\n")
