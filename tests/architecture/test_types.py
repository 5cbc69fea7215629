"""Strict typing, as the settings in pyproject.toml say."""

import subprocess
import sys

from tests.architecture.tree import ROOT


def test_mypy_finds_nothing():
    result = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)

    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
