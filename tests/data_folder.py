"""Gives the tests a data folder of their own before Django reads its settings; loaded by pytest with -p (see pyproject.toml).

Each process of a parallel run (pytest -n) has one of its own inside it: two runs in one database would meet each other's rows.
"""

import os
import tempfile
from pathlib import Path

folder = Path(os.environ.get("SIGNALBOX_DATA_DIR") or tempfile.mkdtemp(prefix="signalbox-tests-"))
worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker and folder.name != worker:
    folder = folder / worker
    folder.mkdir(parents=True, exist_ok=True)
os.environ["SIGNALBOX_DATA_DIR"] = str(folder)
