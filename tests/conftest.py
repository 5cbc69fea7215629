"""What every test shares: a data folder outside the repository, set before settings are imported. Nothing else is global."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(os.environ["SIGNALBOX_DATA_DIR"]).resolve()
    if folder == REPOSITORY / "data":
        raise pytest.UsageError("Tests refuse to use the repository's own data folder. Unset SIGNALBOX_DATA_DIR.")
