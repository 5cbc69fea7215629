"""What is asked of the machine that learns: a training, an evaluation; stopped by whoever may ask. The work itself is done by a job.

Imported by pages: nothing here loads arrays or weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from routerapp.models import BenchmarkData, BenchmarkState, Job, PredictorVersion
from routerapp.serving import audit
from routerapp.serving.changes import find, noting
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.serving.slugs import checked_slug
from routerapp.store import jobs
from routerapp.store.predictors import without_artefacts

TRAIN, EVALUATE = "train_predictor", "evaluate_predictor"
LEARN = "learn_from_use"
FEWEST_MODELS, MOST_MODELS = 2, 60
FEWEST_PROMPTS = 100
MOST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Training:
    """models: the benchmark's name of each model of the pool -> the slug of our language model; benchmarks may have several names for one.
    seed: the same seed, the same bytes. is_refit: started by the schedule, which settles what becomes of it (serving/refit.py)."""

    name: str
    benchmarks: Sequence[str]
    models: Mapping[str, str]
    seed: int = 0
    leaves_one_out: bool = True
    is_refit: bool = False


def start_training(wanted: Training, *, by: Actor) -> Job:
    """A job on the long queue that trains, measures on what it held back, and keeps a candidate. One at a time for each name."""
    with noting(by, "train_predictor", f"predictor:{wanted.name}", event=TRAIN) as change:
        # Names of predictors are used again, by their next versions.
        checked_slug(wanted.name, BenchmarkData.objects.none(), "predictor")
        _check_benchmarks(wanted.benchmarks)
        _check_models(wanted)
        if not 0 <= wanted.seed <= MOST_SEED:
            raise invalid("seed", "out_of_range", f"A seed is a whole number from 0 to {MOST_SEED:,}.")
        arguments = {
            "name": wanted.name,
            "benchmarks": list(wanted.benchmarks),
            "models": dict(wanted.models),
            "seed": wanted.seed,
            "leaves_one_out": wanted.leaves_one_out,
            "by": by.name,
        }
        if wanted.is_refit:
            arguments["is_refit"] = True
        change.after = {name: value for name, value in arguments.items() if name not in ("name", "by")}
        return _enqueued(TRAIN, wanted.name, arguments)


def start_evaluation(name: str, version: int, benchmarks: Sequence[str], *, by: Actor) -> Job:
    """A job that measures a predictor on these benchmarks: on prompts it was not trained on, beside the baselines and the live one."""
    with noting(by, "train_predictor", f"predictor:{name}@{version}", event=EVALUATE) as change:
        row = _version(name, version)
        _check_benchmarks(benchmarks)
        arguments = {"predictor": str(row), "sha256": row.sha256, "benchmarks": list(benchmarks), "by": by.name}
        change.after = {"benchmarks": list(benchmarks)}
        return _enqueued(EVALUATE, str(row), arguments)


def learn_now(*, by: Actor) -> Job:
    """The hourly job that turns judgements into scores, now; the open one where there is one already."""
    with noting(by, "train_predictor", "scores", event=LEARN):
        return jobs.enqueue(LEARN, unique_key=LEARN, queue="long")


def stop_learning_job(job_id: int, *, by: Actor) -> Job:
    """At once when it waits; one that works stops at its next step, and leaves nothing behind."""
    require(by, "train_predictor")
    with transaction.atomic():
        job = find(Job.objects.filter(kind__in=(TRAIN, EVALUATE)), "training or evaluation", pk=job_id)
        if not jobs.cancel(job_id):
            raise invalid("", "already_ended", f"Job {job_id} has ended already.")
        audit.record(by, "cancel_job", f"job:{job_id}", after={"kind": job.kind})
    job.refresh_from_db()
    return job


def _enqueued(kind: str, subject: str, arguments: Mapping[str, object]) -> Job:
    job = jobs.enqueue(kind, arguments, f"{kind}:{subject}", "long")
    if job.arguments != arguments:
        raise invalid("", "already_running", f"Job {job.pk} works on {subject} now. Wait for its end, or stop it.")
    return job


def _check_benchmarks(slugs: Sequence[str]) -> None:
    if not slugs:
        raise invalid("benchmarks", "missing", "Choose at least one benchmark.")
    if len(set(slugs)) < len(slugs):
        raise invalid("benchmarks", "twice", "A benchmark is named twice.")
    ready = set(BenchmarkData.objects.filter(slug__in=slugs, state=BenchmarkState.READY).values_list("slug", flat=True))
    missing = [slug for slug in slugs if slug not in ready]
    if missing:
        raise invalid("benchmarks", "not_ready", f"There is no benchmark {missing[0]} that is ready.")


def _check_models(wanted: Training) -> None:
    rows = list(BenchmarkData.objects.filter(slug__in=wanted.benchmarks).values_list("model_names", "prompts"))
    for names, _ in rows:
        slugs = [wanted.models[name] for name in names if name in wanted.models]
        if len(set(slugs)) < len(slugs):
            raise invalid("models", "twice", "Two models of the benchmark have the same language model.")
    if not FEWEST_MODELS <= len(set(wanted.models.values())) <= len(wanted.models) <= MOST_MODELS:
        raise invalid("models", "bad_number", f"A pool has {FEWEST_MODELS} to {MOST_MODELS} models.")
    known = {model for names, _ in rows for model in names}
    unknown = sorted(set(wanted.models) - known)
    if unknown:
        raise invalid("models", "unknown_value", f"No benchmark chosen has answers of {unknown[0]}.")
    for model, slug in wanted.models.items():
        _check_slug_of(model, slug)
    if sum(prompts for _, prompts in rows) < FEWEST_PROMPTS:
        raise invalid("benchmarks", "too_few", f"A predictor needs at least {FEWEST_PROMPTS} prompts.")


def _check_slug_of(model: str, slug: str) -> None:
    if not 0 < len(slug) <= 60 or any(letter.isspace() or not letter.isprintable() for letter in slug):
        raise invalid(
            "models", "bad_slug", f"{model}: name a language model by its slug, at most 60 characters, no spaces."
        )


def _version(name: str, version: int) -> PredictorVersion:
    return find(without_artefacts().filter(version=version), "predictor", name=name)
