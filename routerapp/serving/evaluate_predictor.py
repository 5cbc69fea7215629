"""The job that evaluates: a predictor on benchmarks of today, beside the baselines and the one in force. Its card gets the gate's verdict.

Only prompts that are held back from every training are asked; those are the same in every version.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from routerapp.learning.outcomes import Outcomes
from routerapp.models import EvaluationReport, Job, PredictorVersion, User
from routerapp.serving import audit
from routerapp.serving.champion import gate_of
from routerapp.serving.learned_router import router_of
from routerapp.serving.permissions import Actor
from routerapp.serving.policy_points import policy_points
from routerapp.serving.routing_report import held_back, routing_report
from routerapp.store import jobs
from routerapp.store.benchmarks import load_outcomes, renamed
from routerapp.store.predictors import artefact_bytes, without_artefacts


def run_evaluation(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `evaluate_predictor`: a sentence and the report's number. Raises ValueError for benchmarks without its models."""
    row = without_artefacts().filter(sha256=job.arguments.get("sha256", "")).first()
    if row is None:
        return "Nothing was asked for.", {}
    seed = int(row.card.get("seed", 0))
    jobs.report_progress(job, 0.01, "Reading the benchmarks.")
    outcomes = _of_its_pool(load_outcomes(job.arguments["benchmarks"]), row)
    kept_back = held_back(outcomes)
    ours = router_of(artefact_bytes(row.sha256) or b"")
    report = routing_report(
        outcomes.rows(~kept_back),
        outcomes.rows(kept_back),
        ours,
        seed=seed,
        progress=lambda part, words: jobs.report_progress(job, 0.05 + 0.85 * part, f"{words}."),
    )
    report["policies"] = policy_points(outcomes.rows(kept_back), ours.predicts, seed=seed)
    jobs.report_progress(job, 0.95, "Comparing with the predictor in force.")
    gate = gate_of(ours, row.card, outcomes.rows(kept_back), seed=seed)
    kept = _keep(job, row, report, gate)
    return f"{row} on {report['prompts']:,} prompts.", {"report": kept.pk}


def _of_its_pool(outcomes: Outcomes, row: PredictorVersion) -> Outcomes:
    """The benchmarks' models under the names this predictor knows them by. Raises ValueError where fewer than two are there."""
    names = {name: slug for name, slug in row.card.get("models", {}).items() if name in outcomes.models}
    if len(set(names.values())) < 2:
        raise ValueError(f"These benchmarks have fewer than two of the models that {row} knows.")
    return renamed(outcomes, names)


@transaction.atomic
def _keep(job: Job, row: PredictorVersion, report: Mapping[str, Any], gate: Mapping[str, Any]) -> EvaluationReport:
    by = User.objects.filter(username=job.arguments["by"]).first()
    kept = EvaluationReport.objects.create(
        subject=str(row),
        predictor=row.sha256,
        benchmarks=list(job.arguments["benchmarks"]),
        pool=list(report["models"]),
        report=report,
        created_by=by,
    )
    PredictorVersion.objects.filter(pk=row.pk).update(card={**row.card, "gate": dict(gate)})
    actor = Actor(job.arguments["by"], "user" if by else "system", by.role if by else "admin")
    after = {"report": kept.pk, "benchmarks": job.arguments["benchmarks"], "job": job.pk}
    audit.record(actor, "predictor_evaluated", f"predictor:{row}", after=after)
    return kept
