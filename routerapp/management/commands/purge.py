"""`purge`: forget now what is over its time, or over a time given here."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import fields, replace
from typing import Any

from django.utils import timezone

from routerapp.management.json_command import OPERATOR, USAGE, Answer, Failed, JsonCommand
from routerapp.serving import audit
from routerapp.store.retention import KINDS, RetentionDays, count_due, forget, retention_days

WITH_DAYS = tuple(field.name for field in fields(RetentionDays))
MOST_DAYS = 36_500


class Command(JsonCommand):
    help = (
        "Delete recorded bodies, inputs (with traces), requests, unused revisions, ended jobs and health checks that are over their "
        "time, in short transactions, while Signalbox runs. Sums for charts stay. Without --days the installation's settings hold."
    )
    example = "python manage.py purge --kind bodies --kind inputs --days 14 --dry-run"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--kind", action="append", choices=KINDS, help="only this kind; may be given again")
        parser.add_argument("--days", type=_days, metavar="N", help="older than N days; needs --kind")
        parser.add_argument("--dry-run", action="store_true", help="only count what would go")

    def work(self, **options: Any) -> Answer:
        kinds, days = tuple(options["kind"] or KINDS), retention_days()
        if options["days"] is not None:
            days = _with_days(days, options["kind"], options["days"])
        now, is_dry = timezone.now(), options["dry_run"]
        if is_dry:
            counts = count_due(now, days, kinds)
        else:
            counts = forget(now, lambda progress, words: None, days, kinds)
            audit.record(OPERATOR, "purge", "installation", after={"deleted": counts, "days": options["days"]})
        document = {"dry_run": is_dry, "days": _days_of(days, kinds), "counts": counts}
        return Answer(document, _text(counts, document["days"], is_dry))


def _with_days(days: RetentionDays, kinds: list[str] | None, number: int) -> RetentionDays:
    if not kinds:
        raise Failed("--days needs --kind: say what is to go by that age.", code="usage", exit_code=USAGE)
    if "revisions" in kinds:
        raise Failed(
            "Revisions go when nothing refers to them; --days cannot hasten that.", code="usage", exit_code=USAGE
        )
    return replace(days, **dict.fromkeys(kinds, number))


def _days_of(days: RetentionDays, kinds: tuple[str, ...]) -> dict[str, int]:
    return {kind: getattr(days, kind) for kind in kinds if kind in WITH_DAYS}


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7 and int(text) <= MOST_DAYS):
        raise ArgumentTypeError(f"{text[:40]!r} is no whole number from 0 to {MOST_DAYS:,}")
    return int(text)


def _text(counts: dict[str, int], days: dict[str, int], is_dry: bool) -> str:
    verb = "would go" if is_dry else "deleted"
    lines = [
        f"{kind:<14} {number:>9,} {verb}"
        + (f", older than {days[kind]} days" if kind in days else ", nothing refers to them")
        for kind, number in counts.items()
    ]
    return "\n".join(lines)
