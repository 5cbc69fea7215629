"""Rows of learned routing for tests; what a card and a report say is in learned_documents."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from routerapp.models import BenchmarkData, BenchmarkState, EvaluationReport, PredictorVersion
from tests.learned_documents import a_card, a_report

_numbers = itertools.count(1)


def a_benchmark(**overrides: Any) -> BenchmarkData:
    number = next(_numbers)
    fields = {
        "slug": f"benchmark-{number}",
        "name": f"Benchmark {number}",
        "state": BenchmarkState.READY,
        "file_name": "sums.csv",
        "sha256": hashlib.sha256(f"benchmark {number}".encode()).hexdigest(),
        "file_bytes": 2_048,
        "rows": 4_000,
        "prompts": 2_000,
        "model_names": ["big", "small"],
        "datasets": {"sums": 2_000},
        "singles": {
            "big": {"answered": 2_000, "quality": 0.7, "cost_usd": 0.0011},
            "small": {"answered": 2_000, "quality": 0.5, "cost_usd": None},
        },
    }
    return BenchmarkData.objects.create(**fields | overrides)


def a_predictor(**overrides: Any) -> PredictorVersion:
    """Its bytes say nothing, but have their hash."""
    artefact = f"artefact {next(_numbers)}".encode()
    fields = {
        "name": "ours",
        "version": PredictorVersion.objects.filter(name=overrides.get("name", "ours")).count() + 1,
        "artefact": artefact,
        "sha256": hashlib.sha256(artefact).hexdigest(),
        "card": a_card(),
    }
    return PredictorVersion.objects.create(**fields | overrides)


def an_evaluation(**overrides: Any) -> EvaluationReport:
    fields = {"subject": "ours@1", "benchmarks": ["sums"], "pool": ["big", "small"], "report": a_report()}
    return EvaluationReport.objects.create(**fields | overrides)
