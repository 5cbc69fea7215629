"""From graded answers to a benchmark like any imported one: what is unknown stays unknown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.features import extract_features
from routerapp.engine.money import usd_number
from routerapp.models import (
    AnswerState,
    BenchmarkData,
    BenchmarkState,
    Calibration,
    CalibrationAnswer,
    CalibrationState,
    Job,
)
from routerapp.serving.benchmarks import MOST_BENCHMARKS

FINISH = "finish_calibration"
FEWEST_PROMPTS = 2


def run_finish(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `finish_calibration`: a benchmark of what is graded by now."""
    row = Calibration.objects.filter(pk=job.arguments.get("calibration"), job=job.pk).first()
    if row is None or row.state != CalibrationState.FINISHING:
        return "Nothing was asked for.", {}
    return make_benchmark(row, now), {"calibration": row.pk}


def make_benchmark(row: Calibration, now: datetime) -> str:
    """Keeps it under the calibration's name, and says so; where there is too little, the calibration says that and stands."""
    # Arrays are nothing for a worker of quick jobs.
    from routerapp.store.benchmarks import keep_outcomes

    outcomes = outcomes_of(row)
    problem = ""
    if outcomes is None:
        problem = f"Fewer than {FEWEST_PROMPTS} prompts have a graded answer, so there is nothing to learn from."
    elif BenchmarkData.objects.count() >= MOST_BENCHMARKS:
        problem = f"There are {MOST_BENCHMARKS} benchmarks; delete one first."
    if problem or outcomes is None:
        row.state, row.problem = CalibrationState.STOPPED, problem
        row.save(update_fields=["state", "problem"])
        return problem
    with transaction.atomic():
        slug, name = _unused(row)
        address = hashlib.sha256(f"{row.pk}:{now.isoformat()}".encode()).hexdigest()
        kept = BenchmarkData(
            slug=slug, name=name, file_name=f"{slug}.jsonl", sha256=address, file_bytes=0, created_by=row.created_by
        )
        kept.state = BenchmarkState.IMPORTING
        kept.save()
        keep_outcomes(kept, outcomes)
        content = bytes(kept.content or b"")
        kept.sha256, kept.file_bytes = hashlib.sha256(content).hexdigest(), len(content)
        kept.save(update_fields=["sha256", "file_bytes"])
        row.state, row.problem, row.benchmark, row.finished_at = CalibrationState.DONE, "", slug, now
        row.save(update_fields=["state", "problem", "benchmark", "finished_at"])
    return f"{name}: {kept.prompts:,} prompts, {kept.rows:,} marks."


def outcomes_of(row: Calibration) -> Any:
    """The graded answers as outcomes, models by the slug of their language model; None where there are too few."""
    import numpy as np

    from routerapp.learning.outcomes import Outcomes

    answers = CalibrationAnswer.objects.filter(prompt__calibration=row, state=AnswerState.GRADED).values_list(
        "prompt__number", "language_model", "grade", "cost_nusd", "input_tokens", "output_tokens"
    )
    found = list(answers)
    graded = sorted({number for number, *_ in found})
    if len(graded) < FEWEST_PROMPTS:
        return None
    texts = dict(row.prompts.filter(number__in=graded).values_list("number", "text"))
    models = sorted({model for _, model, *_ in found})
    at = {number: place for place, number in enumerate(graded)}
    table = np.full((4, len(graded), len(models)), np.nan)
    for number, model, grade, cost_nusd, read, wrote in found:
        known = (grade, usd_number(cost_nusd), read, wrote)
        values = [np.nan if value is None else float(value) for value in known]
        table[:, at[number], models.index(model)] = values
    prompts = tuple(texts[number] for number in graded)
    ids = tuple(f"calibration-{row.pk}-{number}" for number in graded)
    groups = tuple(hashlib.sha256(text.encode()).hexdigest()[:16] for text in prompts)
    tasks = tuple(_task(text) for text in prompts)
    plain = ("",) * len(prompts)
    data_set = (f"calibration {row.pk}",) * len(prompts)
    return Outcomes(ids, prompts, groups, data_set, tasks, plain, tuple(models), *table)


def _task(text: str) -> str:
    messages = ({"role": "user", "content": text},)
    chat = Chat(requested_model="", fields={}, messages=messages)
    task = extract_features(chat, read_content(chat)).task
    return "" if task == "unknown" else task


def _unused(row: Calibration) -> tuple[str, str]:
    """A slug and a name of the day that no benchmark has."""
    day = f"{row.created_at:%Y-%m-%d}"
    taken = set(BenchmarkData.objects.filter(slug__startswith=f"calibration-{day}").values_list("slug", flat=True))
    number = next(n for n in range(1, MOST_BENCHMARKS + 2) if _slug(day, n) not in taken)
    return _slug(day, number), row.name if number == 1 else f"Calibration {day} ({number})"


def _slug(day: str, number: int) -> str:
    return f"calibration-{day}" if number == 1 else f"calibration-{day}-{number}"
