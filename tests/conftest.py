"""What every test shares: a data folder outside the repository, set before settings are imported. Nothing else is global."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    folder = Path(os.environ["SIGNALBOX_DATA_DIR"]).resolve()
    if folder == REPOSITORY / "data":
        raise pytest.UsageError("Tests refuse to use the repository's own data folder. Unset SIGNALBOX_DATA_DIR.")
    # How long an example takes says how busy the machine is; what was found in another run is found again or pinned in a test.
    settings.register_profile("tests", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives a browser or processes may fail by a busy machine: once more, and the summary says so. And such files come first.

    A file's tests stay in one process of a parallel run, so a long file that begins last would be waited for by all.
    """
    for item in items:
        if is_dear(item) and not item.get_closest_marker("once"):
            item.add_marker(pytest.mark.flaky(reruns=1, rerun_except=["not ready"]))
    items.sort(key=lambda item: not is_dear(item))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why a test had to run again: what passes at the second try is a fault all the same."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"failed at first: {report.nodeid} ({report.when})", sep="-")
        terminalreporter.line(report.longreprtext[-3_000:])


def is_dear(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("browser", "process", "long"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """SQLite in a file, as in production: in memory, threads meet locks that real writers never do."""
    from django.db import connections

    settings = connections.databases["default"]
    if settings["ENGINE"].endswith("sqlite3"):
        settings["TEST"]["NAME"] = str(Path(os.environ["SIGNALBOX_DATA_DIR"]) / "tests.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """Hashing one password as slowly as production does takes longer than most tests."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _static_files_as_they_lie() -> None:
    """Pages name static files without a digest, so that tests need not collect them first."""
    from django.conf import settings

    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.fixture(scope="session", autouse=True)
def _emptying_tables_between_tests() -> Iterator[None]:
    """The audit log refuses DELETE, so emptying all tables after a transactional test sets SQLite's triggers aside meanwhile."""
    from django.db.backends.sqlite3.base import DatabaseWrapper

    operations = DatabaseWrapper.ops_class
    plain = operations.sql_flush

    def sql_flush(self: Any, *args: Any, **options: Any) -> list[str]:
        with self.connection.cursor() as cursor:
            triggers = cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        dropped = [f"DROP TRIGGER {name}" for name, _ in triggers]
        return [*dropped, *plain(self, *args, **options), *(sql for _, sql in triggers)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", sql_flush)
        yield
