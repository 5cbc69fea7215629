"""Gives the tests a data folder of their own before Django reads its settings; loaded by pytest with -p (see pyproject.toml)."""

import os
import tempfile

os.environ.setdefault("SIGNALBOX_DATA_DIR", tempfile.mkdtemp(prefix="signalbox-tests-"))
