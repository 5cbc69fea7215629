"""`verify_audit`: whether the audit log is still the one that was written."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from routerapp.management.json_command import FOUND, OK, USAGE, Answer, Failed, JsonCommand
from routerapp.serving.audit import ChainCheck, check_chain

HASH_DIGITS = 64


class Command(JsonCommand):
    help = (
        "Walk the audit log's chain of hashes and name the first event that does not fit. Keep the printed head somewhere else and "
        "pass it as --anchor next time: then it also shows when the end of the log was cut off or all of it written anew."
    )
    example = "python manage.py verify_audit --anchor 4217:9f3c…"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--anchor", metavar="ID:HASH", help="a head printed earlier; the log must still hold that event"
        )

    def work(self, **options: Any) -> Answer:
        check = check_chain(_anchor(options["anchor"]))
        document = {
            "is_whole": check.is_whole,
            "events": check.events,
            "head": check.head,
            "first_broken_id": check.broken_id,
            "reason": check.reason,
        }
        return Answer(document, _text(check), OK if check.is_whole else FOUND)


def _anchor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, digits = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and len(digits) == HASH_DIGITS):
        raise Failed(
            f"--anchor={text[:100]!r} is no head: it is an event's number, a colon and {HASH_DIGITS} hexadecimal digits.",
            code="bad_anchor",
            exit_code=USAGE,
        )
    return int(number), digits.lower()


def _text(check: ChainCheck) -> str:
    if not check.is_whole:
        return f"The audit log is NOT whole. {check.reason}"
    if check.head is None:
        return "The audit log is empty."
    return f"The audit log is whole: {check.events:,} events.\nHead: {check.head}"
