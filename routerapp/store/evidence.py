"""Numbers learned from recorded requests: how far our token estimate is off per model, how long answers are per model and task.

Means over the newest answered requests, rounded so that noise makes no new revision; too few samples give no number.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import QuerySet

from routerapp.models import EvidenceRevision, InstallationState, Origin, RoutedRequest, Status
from routerapp.store.config_document import unix_ms
from routerapp.store.revisions import record_evidence_revision

NEWEST = 20_000
FEWEST_SAMPLES = 20
# bytes ÷ 4 is off by less than this for every language and tokenizer we know; beyond it the usage is wrong, not the estimate.
SMALLEST_CORRECTION, LARGEST_CORRECTION = 0.25, 4.0
ANY = "*"


@dataclass(slots=True)
class _Sum:
    n: int = 0
    estimated: int = 0
    total: int = 0

    def add(self, estimated: int, total: int) -> None:
        self.n += 1
        self.estimated += estimated
        self.total += total


@dataclass(slots=True)
class _Sums:
    prompt: dict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    output: dict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))


def refresh_evidence() -> str | None:
    """Makes a new evidence revision when the numbers have moved; None when nothing is new. Sample traffic counts: it has its own models."""
    rows = RoutedRequest.objects.filter(
        origin__in=[Origin.LIVE, Origin.SAMPLE], status=Status.OK, is_usage_estimated=False
    ).exclude(language_model="")
    newest = rows.order_by("-at_ms").values_list("at_ms", flat=True).first()
    if newest is None or newest < _computed_at_ms():
        return None
    sums = _sum(rows)
    return record_evidence_revision(
        {model: _correction(entry) for model, entry in sums.prompt.items() if entry.n >= FEWEST_SAMPLES},
        {name: _two_digits(entry.total / entry.n) for name, entry in sums.output.items() if entry.n >= FEWEST_SAMPLES},
    )


def _computed_at_ms() -> int:
    current = EvidenceRevision.objects.filter(
        sha256__in=InstallationState.objects.filter(id=1).values("evidence_id")
    ).values_list("created_at", flat=True)
    created_at = current.first()
    return unix_ms(created_at) if created_at else 0


def _sum(rows: QuerySet[RoutedRequest]) -> _Sums:
    sums = _Sums()
    columns = ("language_model", "task", "prompt_tokens_estimate", "input_tokens", "output_tokens")
    for model, task, estimate, input_tokens, output_tokens in rows.order_by("-at_ms").values_list(*columns)[:NEWEST]:
        if estimate and input_tokens:
            sums.prompt[model].add(estimate, input_tokens)
        if output_tokens:
            for name in (f"{model}|{task}", f"{model}|{ANY}", f"{ANY}|{ANY}"):
                sums.output[name].add(0, output_tokens)
    return sums


def _correction(entry: _Sum) -> float:
    return round(min(LARGEST_CORRECTION, max(SMALLEST_CORRECTION, entry.total / entry.estimated)), 2)


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
