"""The job that trains: outcomes in, a candidate with its model card out. Everything the card says was measured on prompts held back.

Runs in the worker of long jobs only; pages ask for it through learning_jobs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from routerapp.learning.outcomes import Outcomes
from routerapp.learning.weak_spots import labels_of, spots
from routerapp.models import BenchmarkData, EvaluationReport, Job, PredictorVersion, User
from routerapp.serving import audit
from routerapp.serving.champion import gate_of
from routerapp.serving.learned_router import Learned, train
from routerapp.serving.left_out import leave_one_out
from routerapp.serving.permissions import Actor
from routerapp.serving.policy_points import policy_points
from routerapp.serving.routing_report import GATED, OURS, best_single, held_back, routing_report
from routerapp.store import jobs
from routerapp.store.benchmarks import load_outcomes, renamed
from routerapp.store.predictors import keep_predictor

CARD = 1
FEWEST_HELD_BACK = 20


def run_training(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `train_predictor`: a sentence, and the predictor and the report it made. Raises ValueError for what cannot be trained."""
    if not job.arguments:
        return "Nothing was asked for.", {}
    began = time.monotonic()
    wanted = job.arguments
    steps = Steps(job, leaves_one_out=bool(wanted["leaves_one_out"]))
    steps.at("read", 0.0, "Reading the benchmarks")
    outcomes = renamed(load_outcomes(wanted["benchmarks"]), wanted["models"])
    known, asked = _split(outcomes)
    learned = train(known, seed=wanted["seed"], progress=lambda part, words: steps.at("train", part, words))
    report = routing_report(
        known,
        asked,
        learned,
        seed=wanted["seed"],
        progress=lambda part, words: steps.at("measure", part, words),
    )
    report["policies"] = policy_points(asked, learned.predicts, seed=wanted["seed"])
    left_out = (
        leave_one_out(outcomes, seed=wanted["seed"], progress=lambda part, words: steps.at("leave", part, words))
        if wanted["leaves_one_out"]
        else []
    )
    steps.at("keep", 0.0, "Comparing with the predictor in force")
    card = _card(wanted, known, asked, learned, report)
    card |= {
        "left_out": left_out,
        "gate": gate_of(learned, card, asked, seed=wanted["seed"]),
        "took_seconds": round(time.monotonic() - began, 1),
    }
    row, is_new = _keep(job, learned.artefact, card, report)
    if not is_new:
        return f"The same bytes as {row}: nothing new was learned.", {"predictor": str(row)}
    return f"{row} is a candidate.", {"predictor": str(row), "report": row.card["report"]}


class Steps:
    """Where a training stands: each step has its part of the whole, by how long it takes. A heartbeat; raises JobCancelled."""

    def __init__(self, job: Job, leaves_one_out: bool) -> None:
        weights = {"read": 5, "train": 40, "measure": 25, "leave": 100 if leaves_one_out else 0, "keep": 2}
        total = sum(weights.values())
        self._job = job
        self._parts: dict[str, tuple[float, float]] = {}
        start = 0.0
        for name, weight in weights.items():
            self._parts[name] = (start, weight / total)
            start += weight / total

    def at(self, step: str, part: float, words: str) -> None:
        """part: 0 to 1 of this step."""
        start, share = self._parts[step]
        jobs.report_progress(self._job, min(0.999, start + share * part), f"{words}.")


def _split(outcomes: Outcomes) -> tuple[Outcomes, Outcomes]:
    """What is trained on and what is held back. Raises ValueError where too little is held back to measure anything."""
    kept_back = held_back(outcomes)
    known, asked = outcomes.rows(~kept_back), outcomes.rows(kept_back)
    complete = int((~np.isnan(asked.quality).any(axis=1)).sum())
    if complete < FEWEST_HELD_BACK:
        raise ValueError(
            f"Of the prompts held back only {complete} were answered by every model of the pool; at least {FEWEST_HELD_BACK} are "
            "needed to measure anything. Choose models that share prompts, or more benchmarks."
        )
    return known, asked


def _card(
    wanted: Mapping[str, Any], known: Outcomes, asked: Outcomes, learned: Learned, report: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything a person should know of a predictor before it decides anything; numbers and names only."""
    lines = {line["id"]: line for line in report["routers"]}
    rows = {
        row.slug: row for row in BenchmarkData.objects.filter(slug__in=wanted["benchmarks"]).defer("upload", "content")
    }
    named = [rows[slug] for slug in wanted["benchmarks"] if slug in rows]
    return {
        "schema": CARD,
        "benchmarks": [
            {"slug": row.slug, "name": row.name, "sha256": row.sha256, "prompts": row.prompts} for row in named
        ],
        "models": dict(wanted["models"]),
        "pool": list(known.models),
        "default": best_single(known),
        "seed": wanted["seed"],
        "prompts": {"trained_on": len(known), "held_back": len(asked), "measured": report["prompts"]},
        "groups": {"trained_on": len(set(known.groups)), "held_back": len(set(asked.groups))},
        "labels": len(set(labels_of(known))),
        "figures": lines[OURS]["figures"],
        "gated": lines[GATED]["figures"],
        "reliability": lines[OURS]["reliability"],
        "by_dataset": lines[OURS]["by_dataset"],
        "weak_spots": [
            {"label": spot.label, "prompts": spot.prompts, "gain": spot.gain.as_json()}
            for spot in spots(learned.router, asked, seed=wanted["seed"])
        ],
        "training": dict(learned.account),
    }


@transaction.atomic
def _keep(job: Job, artefact: bytes, card: dict[str, Any], report: Mapping[str, Any]) -> tuple[PredictorVersion, bool]:
    """The rows and their audit event, together. The same bytes as before make no new version."""
    wanted, by = job.arguments, User.objects.filter(username=job.arguments["by"]).first()
    row, is_new = keep_predictor(wanted["name"], artefact, card, by)
    if is_new:
        kept = EvaluationReport.objects.create(
            subject=str(row),
            predictor=row.sha256,
            benchmarks=list(wanted["benchmarks"]),
            pool=card["pool"],
            report=report,
            created_by=by,
        )
        row.card = card | {"report": kept.pk}
        row.save(update_fields=["card"])
        actor = Actor(wanted["by"], "user" if by else "system", by.role if by else "admin")
        after = {"sha256": row.sha256, "benchmarks": wanted["benchmarks"], "pool": card["pool"], "job": job.pk}
        audit.record(actor, "predictor_trained", f"predictor:{row}", after=after)
    return row, is_new
