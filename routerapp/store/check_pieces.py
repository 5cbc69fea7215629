"""What cascades found out about answers, as pieces of evidence: whether each followed its schema, and what the judge said of it.

Passed and failed both count, or every check would speak against its model. Who was not asked has said nothing.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.learning.evidence import DAY_MS, Piece
from routerapp.models import AttemptRow, DecisionTrace, Origin, RoutedRequest, Status
from routerapp.store.judged_answers import DAYS, Answer, batches

NEWEST = 10_000
CASCADE = "cascade"
SOURCES: Mapping[str, str] = {"schema": "schema_failure", "judge": "judge"}
_ASKED_BESIDE = "check"
_FAILED = "not_accepted:"


class _Check(msgspec.Struct):
    check: str


class _Step(msgspec.Struct):
    deployment: str
    accept_if: list[_Check] = []


class _Planned(msgspec.Struct):
    plan: list[_Step] = []


_DECODER = msgspec.json.Decoder(_Planned)


def check_pieces(now_ms: int, dimensions: Mapping[str, str]) -> list[Piece]:
    """Of the newest live requests that a cascade decided. dimensions: task -> dimension of the catalogue."""
    rows = RoutedRequest.objects.filter(
        origin=Origin.LIVE, strategy=CASCADE, at_ms__gte=now_ms - DAYS * DAY_MS
    ).order_by("-at_ms", "-id")
    tasks = {request_id: task or "unknown" for request_id, task in rows.values_list("id", "task")[:NEWEST]}
    pieces = []
    for some in batches(sorted(tasks)):
        checks = _checks_of(some)
        for request_id, attempts in _attempts_of(some).items():
            pieces += _pieces(attempts, checks.get(request_id, {}), tasks[request_id], dimensions)
    return pieces


def _pieces(
    attempts: list[Mapping[str, Any]], checks: Mapping[str, set[str]], task: str, dimensions: Mapping[str, str]
) -> list[Piece]:
    has_judged = any(one["role"] == _ASKED_BESIDE for one in attempts)
    found = []
    for one in attempts:
        kinds = checks.get(one["deployment"], set()) if one["role"] != _ASKED_BESIDE else set()
        failed = {code.removeprefix(_FAILED) for code in one["warnings"].split(",") if code.startswith(_FAILED)}
        answer = Answer(one["language_model"], task, "", one["at_ms"])
        for kind in sorted(kinds & set(SOURCES)):
            if kind == "judge" and not (has_judged and failed <= {kind}):
                continue
            at_ms = one["at_ms"] + one["latency_ms"]
            found.append(answer.piece(float(kind not in failed), SOURCES[kind], at_ms, dimensions))
    return found


def _attempts_of(request_ids: list[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Those that brought an answer, in order."""
    columns = ("request_id", "role", "deployment", "language_model", "at_ms", "latency_ms", "warnings")
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    rows = AttemptRow.objects.filter(request_id__in=request_ids, status=Status.OK).order_by("request_id", "number")
    for row in rows.values(*columns):
        found[row["request_id"]].append(row)
    return found


def _checks_of(request_ids: list[str]) -> dict[str, dict[str, set[str]]]:
    """Request -> deployment -> kinds of checks its answer had to pass."""
    rows = DecisionTrace.objects.filter(request_id__in=request_ids).values_list("request_id", "document")
    return {
        request_id: {
            step.deployment: {one.check for one in step.accept_if}
            for step in _DECODER.decode(zlib.decompress(document)).plan
        }
        for request_id, document in rows
    }
