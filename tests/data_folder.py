"""Gives the tests a data folder of their own before Django reads its settings; loaded by pytest with -p (see pyproject.toml).

Each process of a parallel run (pytest -n) has one of its own inside it: two runs in one database would meet each other's rows.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

given = os.environ.get("SIGNALBOX_DATA_DIR")
folder = Path(given or tempfile.mkdtemp(prefix="signalbox-tests-"))
if not given:
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
worker = os.environ.get("PYTEST_XDIST_WORKER")
# The one that all processes of a run see.
shared = folder.parent if worker and folder.name == worker else folder
if worker and folder.name != worker:
    folder = folder / worker
    folder.mkdir(parents=True, exist_ok=True)
os.environ["SIGNALBOX_DATA_DIR"] = str(folder)
