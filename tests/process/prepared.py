"""Data folders that are made once for a whole test run and copied from then on: a database with its tables, the pages' files, a workspace.

Tests that start from nothing (test_run.py) hold that a folder made step by step is the same.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.data_folder import shared

# What every first start does before it makes anything that is this installation's own.
BARE = """
from django.core.management import call_command
from routerapp.management.commands.run import _collect_static
call_command("migrate", verbosity=0)
_collect_static()
"""


def fill(data_dir: Path, name: str, make: Callable[[Path], None]) -> None:
    """data_dir becomes a copy of the folder of that name; whoever of the run's processes wants it first makes it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    home = shared / f"prepared-{run}"
    home.mkdir(exist_ok=True)
    folder = home / digest
    with (home / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            begun = home / f"{digest}.begun"
            shutil.rmtree(begun, ignore_errors=True)
            make(begun)
            begun.rename(folder)
    shutil.copytree(folder, data_dir, symlinks=True)
