"""The job that fits a task head: the shipped one, moved by the team's examples; what it is worth is measured on examples left out.

Shipped examples are fitted too, so that a few of one's own do not make it forget the rest; they were seen before and judge nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction

from routerapp.engine.task import TaskClassifier
from routerapp.engine.task_words import DEFAULT_TASK_WORDS, TASKS
from routerapp.learning.reading import READING, read_prompts
from routerapp.learning.signals import signals_of
from routerapp.learning.task_artefact import shipped_head, write_tasks
from routerapp.learning.task_examples import shipped_examples
from routerapp.learning.task_head import TaskHead
from routerapp.learning.task_training import Fit, TaskExamples, fit_tasks, with_thresholds
from routerapp.models import InstallationState, Job, User
from routerapp.serving import audit
from routerapp.serving.permissions import Actor
from routerapp.serving.task_classes import task_classes
from routerapp.store import jobs
from routerapp.store.task_heads import keep_task_head

SEED = 0


def run_fit(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `fit_task_head`: a sentence, and the version it made."""
    if not job.arguments:
        return "Nothing was asked for.", {}
    shown = task_classes()
    classes = (*TASKS, *(one.slug for one in shown if one.is_own))
    texts, member, is_own = _texts(classes, {one.slug: one.examples for one in shown})
    jobs.report_progress(job, 0.1, "Reading the examples")
    judge = _classifier()
    seen = [signals_of(text, judge) for text in texts]
    examples = TaskExamples(
        read_prompts(texts),
        np.stack([numbers for _, numbers in seen]),
        member,
        np.ones(len(texts)),
        tuple(texts),
        is_own,
    )
    jobs.report_progress(job, 0.3, "Fitting, and once more without each part of the examples")
    base = shipped_head()
    fit = fit_tasks(classes, examples, SEED, base=base.fitted)
    thresholds = {one.slug: one.threshold for one in shown if one.threshold is not None}
    about = {"examples": len(texts), "own": int(is_own.sum()), "base": base.address, "reading": READING}
    fitted = with_thresholds(replace(fit.fitted, about=about), thresholds)
    card = {
        "shipped": False,
        "classes": list(classes),
        "examples": {one.slug: {"own": len(one.examples), "shipped": one.shipped} for one in shown},
        "thresholds": {name: round(float(fitted.thresholds[at]), 2) for at, name in enumerate(classes)},
        "figures": _figures(Fit(fitted, fit.posterior), examples, base, [features.task for features, _ in seen]),
    }
    jobs.report_progress(job, 0.9, "Keeping it")
    content, _ = write_tasks(fitted)
    with transaction.atomic():
        row = keep_task_head(content, card, User.objects.filter(username=job.arguments.get("by", "")).first())
        by = Actor(job.arguments.get("by", ""), "user", "", "")
        audit.record(by, "task_head_fitted", f"task_head:{row.version}", after={"sha256": row.sha256, **about})
    return f"{row} is a candidate. It speaks once it is promoted.", {"task_head": row.version}


def _texts(classes: tuple[str, ...], own: Mapping[str, tuple[str, ...]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """All examples, each once: the team's word on a text stands against the shipped one."""
    known: dict[str, tuple[int, bool]] = {}
    for task, languages in shipped_examples().items():
        for texts in languages.values():
            known.update(dict.fromkeys(texts, (classes.index(task), False)))
    for task, texts in own.items():
        known.update(dict.fromkeys(texts, (classes.index(task), True)))
    member = np.array([place for place, _ in known.values()], np.int64)
    return list(known), member, np.array([is_own for _, is_own in known.values()])


def _figures(fit: Fit, examples: TaskExamples, base: TaskHead, signals: list[str]) -> dict[str, Any]:
    """On the team's own examples: the signals, the shipped head, and the new one fitted without the example it is asked about."""
    asked = np.flatnonzero(examples.is_judged)
    if not len(asked):
        return {}
    names = fit.fitted.classes
    true = [names[place] for place in examples.member[asked]]
    best = fit.posterior[asked].argmax(axis=1)
    enough = fit.posterior[asked].max(axis=1) >= fit.fitted.thresholds[best]
    after = [names[place] if is_sure else "" for place, is_sure in zip(best, enough, strict=True)]
    shipped = [base.say(examples.readings.one(int(at)), examples.seen[at]).task for at in asked]
    before = ["" if signals[at] == "unknown" else signals[at] for at in asked]
    said = {"signals": before, "shipped": shipped, "fitted": after}
    return {"prompts": len(asked), **{name: _judged(true, answers) for name, answers in said.items()}}


def _judged(true: list[str], said: list[str]) -> dict[str, float]:
    right = np.array([a == b for a, b in zip(true, said, strict=True)])
    answered = np.array([bool(one) for one in said])
    return {
        "accuracy": round(float(right.mean()), 4),
        "where_it_answers": round(float(right[answered].mean()), 4) if answered.any() else 0.0,
        "abstains": round(float(1.0 - answered.mean()), 4),
    }


def _classifier() -> TaskClassifier:
    settings = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    return TaskClassifier({**DEFAULT_TASK_WORDS, **settings.get("task_words", {})})
