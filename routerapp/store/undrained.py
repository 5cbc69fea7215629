"""Money that is spent but not yet in the database: what a restarted worker must still count against today's caps."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from django.db import transaction

from routerapp.models import Granularity, Origin, RoutedRequest, SpoolOffset
from routerapp.store.overview import spend_today
from routerapp.store.records import AttemptEnd, Begin, Record, decode_record
from routerapp.store.rollups import period_start
from routerapp.store.spool import BootFolder, Position, boot_folders

IDS_PER_QUERY = 500


def spend_with_spool(spool_folder: Path, now_ms: int, using: str = "default") -> dict[str, int]:
    """Key -> nano-dollars of this UTC day, drained or not, for LiveState.restore_spend. Raises DatabaseError.

    The spool is read first; then the sums and the ids they contain in one transaction, so that nothing counts twice or never while
    a drainer works.
    """
    keys, costs = _read_spool(spool_folder, period_start(now_ms, Granularity.DAY), using)
    with transaction.atomic(using=using):
        spent = Counter(spend_today(now_ms, using))
        undrained = costs.keys() - _drained(list(costs), using)
    for request_id in undrained:
        spent[keys[request_id]] += costs[request_id]
    return dict(spent)


def _read_spool(spool_folder: Path, since_ms: int, using: str) -> tuple[dict[str, str], Counter[str]]:
    """Request -> key, and request -> cost of its finished attempts; only requests of today that count."""
    keys: dict[str, str] = {}
    costs: Counter[str] = Counter()
    for record in _records(spool_folder, using):
        if isinstance(record, Begin) and record.key and record.origin != Origin.SAMPLE and record.at_ms >= since_ms:
            keys[record.id] = record.key
        elif isinstance(record, AttemptEnd) and record.id in keys:
            costs[record.id] += record.cost_nusd or 0
    return keys, costs


def _records(spool_folder: Path, using: str) -> Iterator[Record]:
    offsets = {row.spool: Position(row.segment, row.offset) for row in SpoolOffset.objects.using(using).all()}
    for folder in boot_folders(spool_folder):
        reader = BootFolder(folder, offsets.get(folder.name, Position()))
        while pieces := reader.read(is_dead=False):
            for piece in pieces:
                if piece.payload is not None:
                    with contextlib.suppress(msgspec.DecodeError, ValueError):
                        yield decode_record(piece.payload)


def _drained(request_ids: list[str], using: str) -> set[str]:
    found: set[str] = set()
    rows = RoutedRequest.objects.using(using)
    for start in range(0, len(request_ids), IDS_PER_QUERY):
        found.update(rows.filter(id__in=request_ids[start : start + IDS_PER_QUERY]).values_list("id", flat=True))
    return found
