"""A database that is away is one line, not a traceback per job."""

from __future__ import annotations

import logging
import sys

import pytest
from django.db import IntegrityError, OperationalError

from routerapp.logs.outages import QUIET_SECONDS, DatabaseOutages


def a_record(error: Exception | None) -> logging.LogRecord:
    try:
        if error is not None:
            raise error
    except Exception:
        return logging.LogRecord("celery", logging.ERROR, "f", 1, "Task %s raised", ("x",), sys.exc_info())
    return logging.LogRecord("celery", logging.ERROR, "f", 1, "Task %s raised", ("x",), None)


class Now:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


def test_an_outage_is_one_line_however_often_it_is_met(now):
    outages, passed = DatabaseOutages(now), []
    for _ in range(50):
        record = a_record(OperationalError("unable to open database file"))
        passed += [record] if outages.filter(record) else []
        now.seconds += QUIET_SECONDS - 1

    assert len(passed) == 1
    assert passed[0].exc_info is None
    assert "unable to open database file" in passed[0].getMessage()


def test_the_next_outage_is_told_again(now):
    outages = DatabaseOutages(now)
    outages.filter(a_record(OperationalError("away")))
    now.seconds += QUIET_SECONDS + 1

    assert outages.filter(a_record(OperationalError("away")))


@pytest.mark.parametrize(
    "error", [None, ValueError("x"), IntegrityError("UNIQUE"), OperationalError("no such column: x")]
)
def test_our_own_faults_keep_their_traceback(now, error):
    outages = DatabaseOutages(now)
    records = [a_record(error), a_record(error)]

    assert all(outages.filter(record) for record in records)
    assert [bool(record.exc_info) for record in records] == [error is not None] * 2
