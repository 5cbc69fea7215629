"""Log lines: one a record, readable by people or machines, without secrets and without a second line forged into a message."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from routerapp.logs.lines import JsonLines, TextLines
from routerapp.logs.redaction import MARK, Redactor

KNOWN = "planted-in-this-process"


def a_record(message: str, *args: object, exc_info=None, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("a.logger", logging.WARNING, "file.py", 1, message, args, exc_info)
    record.__dict__.update(extra)
    return record


def failure(text: str):
    try:
        raise RuntimeError(text)
    except RuntimeError:
        return sys.exc_info()


@pytest.fixture(params=[TextLines, JsonLines])
def lines(request):
    return request.param(Redactor([KNOWN]))


SECRETS = [
    KNOWN,
    "sk-proj-abcdefghijklmnop",
    "sk-ant-api03-abcdefghijklmnop",
    "sb_live_AbCdEfGhIjKl_secretpartsecretpart",
    "AIzaSyA1234567890abcdefghij",
    "gsk_1234567890abcdefghij",
    "xai-1234567890abcdefgh",
    "whsec_1234567890abcdefgh",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "gAAAAABmplantedplantedplantedplanted",
]
IN_CONTEXT = [
    ("Authorization: Bearer {}", "plainvalue1234"),
    ("{{'authorization': 'Basic {}'}}", "plainvalue1234"),
    ("cookie: {}", "signalbox=abcdef1234"),
    ("x-api-key: {}", "plainvalue1234"),
    ("api_key={}&x=1", "plainvalue1234"),
    ("password='{}'", "hunter2hunter2"),
    ("postgres://user:{}@db/x", "hunter2hunter2"),
    ("smtp://u:{}@mail:25", "p!ss-word"),
    ("client_secret={}", "plainvalue1234"),
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_marked_wherever_they_stand(lines, secret):
    for record in (
        a_record("it said %s to us", secret),
        a_record("failed", exc_info=failure(f"with {secret} inside")),
        a_record("fields", request_id=secret),
    ):
        line = lines.format(record)

        assert secret not in line
        assert MARK in line


@pytest.mark.parametrize(("words", "secret"), IN_CONTEXT)
def test_what_stands_where_secrets_stand_is_marked(lines, words, secret):
    line = lines.format(a_record("%s", words.format(secret)))

    assert secret not in line
    assert MARK in line


@pytest.mark.parametrize(
    "innocent",
    [
        "Request 0193b000-0000-7000-8000-000000000001 failed.",
        "The database is away, waiting 0.50 s: disk I/O error",
        "GET /v1/chat/completions status=200",
        "deployment openai-gpt-large uses https://api.openai.com/v1",
        "password must have at least 10 characters",
        "9f3c2a71ab of config 7d403f1",
        "tokens: 412, task-classification",
    ],
)
def test_innocent_text_stays(lines, innocent):
    assert innocent in lines.format(a_record("%s", innocent))


def test_a_message_cannot_begin_a_second_line_nor_colour_a_terminal(lines):
    line = lines.format(a_record("%s", "one\n2026-01-01 00:00:00 ERROR root forged\x1b[31m\x9b31m\r"))

    assert len(line.splitlines()) == 1
    assert "\x1b" not in line and "\x9b" not in line


def test_json_has_the_fields_of_the_record():
    line = json.loads(
        JsonLines().format(a_record("Request %s failed.", "r-1", request_id="r-1", exc_info=failure("boom")))
    )

    assert line["level"] == "WARNING"
    assert line["logger"] == "a.logger"
    assert line["message"] == "Request r-1 failed."
    assert line["request_id"] == "r-1"
    assert line["error"] == "RuntimeError"
    assert "boom" in line["traceback"]
    assert line["at"].endswith("+00:00")


def test_redacting_is_quick_on_long_hostile_lines(lines):
    import time

    for text in (
        "://" * 100_000,
        "authorization" * 50_000,
        "sk-" * 100_000,
        "eyJ" + "a" * 300_000,
        "password=" * 50_000,
    ):
        began = time.thread_time()
        lines.format(a_record("%s", text))

        assert time.thread_time() - began < 1.0, text[:20]
