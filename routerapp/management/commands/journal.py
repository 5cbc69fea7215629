"""`journal inspect`: what lies in the spool. `journal redrain`: take in again what was set aside, or a copy of a spool."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from routerapp.management.json_command import FOUND, OK, OPERATOR, UNAVAILABLE, USAGE, Answer, Failed, JsonCommand
from routerapp.models import SpoolOffset
from routerapp.serving import audit
from routerapp.store.config_document import unix_ms
from routerapp.store.redrain import NoSpool, Redrain, StillWritten, Taken
from routerapp.store.retention import retention_days
from routerapp.store.spool import Position
from routerapp.store.spool_bound import measure_spool
from routerapp.store.spool_inspection import BootReport, inspect_spool

INSPECT, REDRAIN = "inspect", "redrain"
MIB = 1024**2


class Command(JsonCommand):
    help = (
        "inspect: each worker boot in the spool, its segments, bytes, records by kind, what the database does not have yet and what is "
        "damaged; never content, and also while the database is away. redrain: take in again what the drainer has set aside under "
        "refused/, or with --from a copied data folder, spool or boot; what is in the database already is not counted twice."
    )
    example = "python manage.py journal inspect\n  python manage.py journal redrain --from /mnt/old-disk/data"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=(INSPECT, REDRAIN))
        parser.add_argument("--boot", metavar="ID", help="inspect: only this boot")
        parser.add_argument("--from", dest="copy", metavar="DIR", help="redrain: a copy, which is left as it is")
        parser.add_argument(
            "--close-open",
            action="store_true",
            help="redrain --from: also write requests without an end, as interrupted; only when their end cannot come any more",
        )
        parser.add_argument("--dry-run", action="store_true", help="redrain: write nothing, only say what would be")

    def work(self, **options: Any) -> Answer:
        if options["what"] == INSPECT:
            _refuse(options, ("copy", "close_open", "dry_run"), INSPECT)
            return _inspect(options["boot"])
        _refuse(options, ("boot",), REDRAIN)
        if options["close_open"] and options["copy"] is None:
            raise Failed("--close-open needs --from.", code="usage", exit_code=USAGE)
        return _redrain(options["copy"], closes_open=options["close_open"], is_dry=options["dry_run"])


def _refuse(options: dict[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in names:
        if options[name]:
            flag = "--from" if name == "copy" else f"--{name.replace('_', '-')}"
            raise Failed(f"{flag} does not belong to `journal {what}`.", code="usage", exit_code=USAGE)


def _inspect(boot: str | None) -> Answer:
    spool = settings.DATA_DIR / "spool"
    offsets, problem = _offsets()
    boots = list(inspect_spool(spool, offsets, boot))
    if boot is not None and not boots:
        raise Failed(f"{boot[:100]!r} is no boot in {spool}.", code="unknown_boot", exit_code=USAGE)
    use = measure_spool(spool, settings.ENVIRONMENT.journal.spool_max_bytes)
    refused = [path.stat().st_size for path in (settings.DATA_DIR / "refused").glob("*.bin")]
    document = {
        "bytes": use.bytes_used,
        "most_bytes": use.most_bytes,
        "share": round(use.share, 4),
        "database": problem or "ok",
        "boots": [asdict(one) for one in boots],
        "refused": {"files": len(refused), "bytes": sum(refused)},
    }
    is_damaged = any(one.damaged_places for one in boots) or bool(refused)
    return Answer(document, _inspect_text(boots, document), FOUND if is_damaged else OK)


def _offsets() -> tuple[dict[str, Position] | None, str]:
    try:
        return {row.spool: Position(row.segment, row.offset) for row in SpoolOffset.objects.all()}, ""
    except DatabaseError as error:
        return None, f"does not answer: {error}"


def _inspect_text(boots: list[BootReport], document: dict[str, Any]) -> str:
    size, most = document["bytes"] / MIB, document["most_bytes"] / MIB
    lines = [f"Spool: {size:,.1f} of {most:,.0f} MiB ({document['share']:.1%}), {len(boots)} boots."]
    if document["database"] != "ok":
        lines.append(f"The database {document['database']}. What is drained is not known.")
    for one in boots:
        state = "living" if one.is_living else "dead"
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in one.records.items())
        lines += ["", f"{one.boot}  {state}, {one.segments} segments, {one.bytes / MIB:,.1f} MiB: {kinds}"]
        if one.oldest_ms is not None and one.newest_ms is not None:
            lines.append(f"  from {_moment(one.oldest_ms)} to {_moment(one.newest_ms)}, {one.open:,} requests open")
        if one.undrained_bytes is not None:
            lines.append(f"  undrained: {one.undrained_records:,} records, {one.undrained_bytes / MIB:,.1f} MiB")
        lines += [
            f"  {place.what}: segment {place.segment} at {place.offset:,}, {place.bytes:,} bytes"
            for place in one.places
        ]
        if one.damaged_places > len(one.places):
            lines.append(f"  and {one.damaged_places - len(one.places):,} more such places")
    refused = document["refused"]
    if refused["files"]:
        lines += [
            "",
            f"Set aside in refused/: {refused['files']:,} files, {refused['bytes']:,} bytes; see `journal redrain`.",
        ]
    return "\n".join(lines)


def _moment(at_ms: int) -> str:
    try:
        return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):
        return f"{at_ms} ms"


def _redrain(copy: str | None, *, closes_open: bool, is_dry: bool) -> Answer:
    oldest = timezone.now() - dt.timedelta(days=retention_days().requests)
    redrain = Redrain("default", forget_before_ms=unix_ms(oldest), closes_open=closes_open, is_dry=is_dry)
    try:
        taken = (
            redrain.take_refused(settings.DATA_DIR / "refused") if copy is None else redrain.take_copy(_folder(copy))
        )
    except NoSpool as problem:
        raise Failed(str(problem), code="no_spool", exit_code=USAGE) from None
    except StillWritten as problem:
        raise Failed(str(problem), code="still_written") from None
    except OSError as error:
        message = f"{error.filename or copy} cannot be read: {error.strerror}."
        raise Failed(message, code="unreadable_folder", exit_code=UNAVAILABLE) from None
    document = {"dry_run": is_dry, "from": copy or "refused", **asdict(taken)}
    if not is_dry and taken.records:
        counts = {name: value for name, value in asdict(taken).items() if name != "reasons"}
        audit.record(OPERATOR, "redrain_journal", "installation", after={"from": document["from"], **counts})
    return Answer(document, _redrain_text(taken, is_dry), OK if taken.is_whole else FOUND)


def _folder(copy: str) -> Path:
    folder = Path(copy)
    if not folder.is_dir():
        raise Failed(f"{copy[:200]} is no folder.", code="no_spool", exit_code=USAGE)
    own = (settings.DATA_DIR / "spool").resolve()
    if folder.resolve() == settings.DATA_DIR.resolve() or own in (folder.resolve(), *folder.resolve().parents):
        raise Failed(
            "This is the installation's own spool: its drainer takes it. To take it now: `manage.py drain --once` with Signalbox stopped.",
            code="own_spool",
        )
    return folder


def _redrain_text(taken: Taken, is_dry: bool) -> str:
    verb = "would be written" if is_dry else "written"
    there = taken.requests - taken.written
    lines = [
        f"{taken.boots:,} boots, {taken.files:,} files, {taken.records:,} records: {taken.written:,} requests {verb}, {there:,} were there already."
    ]
    if taken.open:
        lines.append(f"{taken.open:,} requests have no end and were left; --close-open writes them as interrupted.")
    if taken.too_old:
        lines.append(f"{taken.too_old:,} are older than requests are kept here and were left.")
    if taken.removed_files:
        lines.append(f"{taken.removed_files:,} files are wholly in the database and were removed.")
    if taken.refused:
        lines.append(f"{taken.refused:,} were refused by the database again.")
    if taken.damaged_bytes:
        lines.append(f"{taken.damaged_bytes:,} bytes are damaged and no record.")
    return "\n".join(lines + [f"  {reason}" for reason in taken.reasons])
