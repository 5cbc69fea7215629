"""The scheduled refit: the champion's recipe on its benchmarks and on those that came since, as a training like any other.

What comes of it is a challenger. It is put in force without a person only if the schedule says so and both halves of the champion gate
say better; else it waits, and an alert tells of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from routerapp.models import BenchmarkData, BenchmarkState, Job, PredictorVersion
from routerapp.serving.learning_jobs import FEWEST_MODELS, Training, start_training
from routerapp.serving.permissions import Actor
from routerapp.serving.predictors import promote_predictor
from routerapp.serving.refit_schedule import (
    NO_RECIPE,
    NOTHING_IN_FORCE,
    OFF,
    PROMOTED,
    REFUSED,
    SAME,
    TOO_LITTLE_NEW,
    TRAINING,
    WAITS,
    WEEK,
    note_refit,
    read_refit,
)
from routerapp.serving.refusals import WriteRefused
from routerapp.store.predictors import live_predictor, trained_benchmarks, without_artefacts

# Fewer new graded prompts than this change no predictor by more than chance.
FEWEST_NEW = 100
SCHEDULER = Actor(name="scheduler", kind="system", role="admin")


@dataclass(frozen=True, slots=True)
class Recipe:
    """benchmarks: all to train on; new: those of them the champion has not seen, with so many prompts."""

    benchmarks: tuple[str, ...]
    models: Mapping[str, str]
    new: tuple[str, ...]
    new_prompts: int


def run_refit(job: Job, now: datetime) -> str:
    """The body of job `refit_predictor`, once a day and when somebody asks: starts a training if it is due and there is enough new."""
    state, is_asked = read_refit(now), bool(job.arguments.get("is_asked"))
    if not is_asked:
        if state.schedule.every == OFF:
            return "The scheduled refit is switched off."
        if state.last is not None and now < state.last.at + WEEK:
            return f"The next one is due on {state.last.at + WEEK:%Y-%m-%d}."
    live = live_predictor()
    if live is None:
        return note_refit(now, NOTHING_IN_FORCE, "No predictor is in force: there is nothing to refit.")
    recipe = recipe_of(live)
    if len(recipe.benchmarks) == len(recipe.new):
        return note_refit(now, NO_RECIPE, f"None of the benchmarks {live} was trained on is here any more. Train one.")
    if recipe.new_prompts < FEWEST_NEW:
        words = f"{recipe.new_prompts:,} graded prompts are new since {live}; {FEWEST_NEW} are needed."
        return note_refit(now, TOO_LITTLE_NEW, words)
    return _started(live, recipe, now)


def recipe_of(live: PredictorVersion) -> Recipe:
    """Its benchmarks that are still here, and every one that came after it with graded answers of at least two of its models."""
    known, names = trained_benchmarks(live.card), dict(live.card.get("models", {}))
    pool = set(live.card.get("pool", []))
    new: list[str] = []
    prompts = 0
    later = BenchmarkData.objects.filter(state=BenchmarkState.READY, created_at__gt=live.created_at)
    for row in later.exclude(slug__in=known).defer("upload", "content").order_by("created_at", "pk"):
        found = {name: names.get(name, name) for name in row.model_names if names.get(name, name) in pool}
        if len(set(found.values())) == len(found) >= FEWEST_MODELS:
            new.append(row.slug)
            prompts += row.prompts
            names |= found
    benchmarks = (*known, *new)
    return Recipe(benchmarks, _answered(benchmarks, names), tuple(new), prompts)


def settle_refit(job: Job, result: Mapping[str, Any], now: datetime) -> str:
    """After its training: promoted, or left to a person. Returns what became of it in words."""
    made = str(result.get("predictor", ""))
    name, _, version = made.rpartition("@")
    row = without_artefacts().filter(name=name, version=int(version)).first() if version.isdigit() else None
    if row is None or "report" not in result:
        return note_refit(now, SAME, f"The same bytes as {made}: nothing new was learned.", "", job.pk)
    gate = row.card.get("gate") or {}
    said = str(gate.get("reason", ""))
    if read_refit(now).schedule.promotes and gate.get("is_sure"):
        try:
            promote_predictor(
                name, int(version), by=SCHEDULER, reason="Scheduled refit: both halves of the gate said better."
            )
        except WriteRefused as refused:
            said = str(refused)
        else:
            return note_refit(now, PROMOTED, f"{made} is in force. {said}", made, job.pk)
    return note_refit(now, WAITS, f"{made} waits for a decision. {said}", made, job.pk)


def _started(live: PredictorVersion, recipe: Recipe, now: datetime) -> str:
    wanted = Training(
        live.name,
        list(recipe.benchmarks),
        recipe.models,
        int(live.card.get("seed", 0)),
        leaves_one_out=bool(live.card.get("left_out")),
        is_refit=True,
    )
    try:
        training = start_training(wanted, by=SCHEDULER)
    except WriteRefused as refused:
        return note_refit(now, REFUSED, f"The training was refused: {refused}")
    words = (
        f"Training {live.name} on {recipe.new_prompts:,} new graded prompts of {', '.join(recipe.new)} besides its own."
    )
    return note_refit(now, TRAINING, words, "", training.pk)


def _answered(benchmarks: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """Only names that one of these benchmarks has."""
    rows = BenchmarkData.objects.filter(slug__in=benchmarks).values_list("model_names", flat=True)
    there = {name for found in rows for name in found}
    return {name: slug for name, slug in names.items() if name in there}
