"""From outcomes to a fitted predictor: quality = ease(x) + level(m) + relative(m, x), the relative part a stack of shrunk heads.

After ../shared/reference/routing-quality.md, 8: how strongly each head is shrunk and how much it weighs is chosen on the relative part, on
predictions made outside the training folds, never on the raw outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import clusters, labels, ridge
from routerapp.learning.features import VECTOR, WORDS, Scale, fit_scale
from routerapp.learning.fitted import Fitted
from routerapp.learning.folds import COUNT, folds_of
from routerapp.learning.margins import Margins, take_apart
from routerapp.learning.newcomers import Graded, in_order, join, newcomers
from routerapp.learning.ngram_head import fit_ngrams
from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.reading import READING, Readings
from routerapp.learning.sparse import Table
from routerapp.learning.stacking import believed, fit_weights, squared_error
from routerapp.learning.topics import Topics, find_topics

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

LEAST_PROMPTS = 30
CLASS_STRENGTHS = (5.0, 20.0, 80.0, 320.0)
HEADS = ("words", "topics", "all", "clusters", "labels", "ngrams")


class TooFewOutcomes(ValueError):
    """There is not enough to learn from: the message says how much there is and how much is needed."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all heads stand on: features (n, d) of n prompts, their folds, centres of their clusters, and where each prompt belongs."""

    features: Array
    fold: NDArray[np.int64]
    centres: Array
    nearest: NDArray[np.int64]
    labelled: labels.Labelled

    def blocks(self) -> dict[str, slice]:
        """Which features each linear head looks at."""
        d = self.features.shape[1]
        return {"words": WORDS, "topics": slice(WORDS.stop, d), "all": slice(0, d)}


@dataclass(frozen=True, slots=True)
class Validated:
    """One head outside its training folds: the strength that fitted best, and its predictions (n, m)."""

    strength: float
    predicted: Array


@dataclass(frozen=True, slots=True)
class Basis:
    """How readings become features: their scale, the topics with the n-gram head beside them, and that head's offsets (m,)."""

    scale: Scale
    topics: Topics
    ngram_offsets: Array


def train(
    outcomes: Outcomes,
    readings: Readings,
    seed: int = 0,
    progress: Progress = lambda stage, share: None,
    most_ngrams: int = BUCKETS,
) -> Fitted:
    """A predictor for the models of these outcomes; the same input gives the same arrays. Raises TooFewOutcomes.

    Models with few outcomes join the others as newcomers. progress is called with the stage and the share done, 0 to 1.
    """
    new = newcomers(outcomes.quality)
    if not len(new):
        return _train_pool(outcomes, readings, seed, progress, most_ngrams)
    settled = [model for at, model in enumerate(outcomes.models) if at not in new]
    answered = (~np.isnan(np.delete(outcomes.quality, new, axis=1))).any(axis=1)
    fitted = _train_pool(outcomes.pool(settled), readings.rows(np.flatnonzero(answered)), seed, progress, most_ngrams)
    columns = [outcomes.models.index(model) for model in settled]
    for column in new.tolist():
        rows = np.flatnonzero(~np.isnan(outcomes.quality[:, column]))
        if not len(rows):
            raise TooFewOutcomes(
                f"Nothing is known of {outcomes.models[column]!r}; about 50 graded prompts are needed."
            )
        graded = Graded(
            outcomes.quality[rows, column],
            outcomes.quality[np.ix_(rows, np.array(columns))],
            outcomes.cost_usd[rows, column],
            outcomes.output_tokens[rows, column],
        )
        fitted = join(fitted, readings.rows(rows), outcomes.models[column], graded)
        columns.append(column)
    return in_order(fitted, outcomes.models)


def _train_pool(outcomes: Outcomes, readings: Readings, seed: int, progress: Progress, most_ngrams: int) -> Fitted:
    if len(outcomes) < LEAST_PROMPTS:
        raise TooFewOutcomes(
            f"{len(outcomes)} prompts have outcomes of these models; at least {LEAST_PROMPTS} are needed."
        )
    progress("topics", 0.0)
    topics = find_topics(readings, seed, most_ngrams)
    placed = topics.project(readings)
    scale = fit_scale(readings, placed)
    progress("clusters", 0.3)
    ground = _ground(outcomes, scale.of(readings, placed), seed)
    margins = take_apart(outcomes.quality)
    progress("labels", 0.4)
    discriminant, posterior = _labels(ground)
    progress("heads", 0.6)
    heads = _heads(ground, margins.relative, posterior)
    progress("n-grams", 0.65)
    ngrams = fit_ngrams(Table.of(readings, topics.kept, topics.rarity), margins.relative, ground.fold)
    heads["ngrams"] = Validated(ngrams.pull, ngrams.predicted)
    weights = believed(len(outcomes.models)) * fit_weights([heads[name].predicted for name in HEADS], margins.relative)
    progress("cost", 0.8)
    by_head = dict(zip(HEADS, weights.tolist(), strict=True))
    basis = Basis(scale, topics.beside(ngrams.weights * np.float32(by_head["ngrams"])), ngrams.offsets)
    fitted = _assemble(outcomes, ground, margins, discriminant, heads, by_head, basis)
    progress("done", 1.0)
    return fitted


def _ground(outcomes: Outcomes, features: Array, seed: int) -> Ground:
    centres = clusters.find_centres(features[:, VECTOR], seed)
    nearest = clusters.distances(features[:, VECTOR], centres).argmin(axis=1)
    return Ground(features, folds_of(outcomes.groups, seed), centres, nearest, labels.labels_of(outcomes))


def _labels(ground: Ground) -> tuple[labels.Discriminant, Array]:
    """The discriminant of all prompts, and each prompt's posterior (n, t) by one that has not seen its fold."""
    member, count = ground.labelled.member, len(ground.labelled.names)
    n, d = ground.features.shape
    if count < 2:
        return labels.Discriminant(np.zeros((d, count)), np.zeros(count)), np.full((n, count), 1.0)
    best = (float("inf"), 0.0, 0.0, np.zeros((n, count)))
    for shrinkage in labels.SHRINKAGES:
        scores = np.zeros((n, count))
        for fold in range(COUNT):
            out = ground.fold == fold
            if out.any():
                kept = np.where(out, -1, member)
                found = labels.fit_discriminant(ground.features, kept, count, shrinkage)
                scores[out] = ground.features[out] @ found.weights + found.offsets
        sharpness, loss = labels.best_sharpness(scores, member)
        best = min(best, (loss, shrinkage, sharpness, scores), key=lambda entry: entry[0])
    _, shrinkage, sharpness, scores = best
    found = labels.fit_discriminant(ground.features, member, count, shrinkage)
    return labels.Discriminant(found.weights, found.offsets, sharpness), labels.softmax(scores * sharpness)


def _heads(ground: Ground, relative: Array, posterior: Array) -> dict[str, Validated]:
    found = {
        name: validated_ridge(ground.features[:, block], relative, ground.fold)
        for name, block in ground.blocks().items()
    }
    in_cluster = np.zeros((len(relative), len(ground.centres)))
    in_cluster[np.arange(len(relative)), ground.nearest] = 1.0
    found["clusters"] = _validated_classes(ground.fold, ground.nearest, in_cluster, relative)
    found["labels"] = _validated_classes(ground.fold, ground.labelled.member, posterior, relative)
    return found


def validated_ridge(
    features: Array, targets: Array, fold: NDArray[np.int64], strengths: Sequence[float] = ridge.STRENGTHS
) -> Validated:
    """The strength with the least squared error outside the folds, and the predictions made there."""
    predicted = [np.zeros(targets.shape) for _ in strengths]
    for number in np.unique(fold):
        out = fold == number
        for into, found in zip(predicted, ridge.fit_path(features[~out], targets[~out], strengths), strict=True):
            into[out] = found.of(features[out])
    return _best(strengths, predicted, targets)


def _validated_classes(
    fold: NDArray[np.int64], member: NDArray[np.int64], posterior: Array, relative: Array
) -> Validated:
    """Means per class, shrunk, times each prompt's posterior over the classes (n, k)."""
    predicted = [np.zeros(relative.shape) for _ in CLASS_STRENGTHS]
    for number in np.unique(fold):
        out = fold == number
        for into, strength in zip(predicted, CLASS_STRENGTHS, strict=True):
            into[out] = posterior[out] @ clusters.means(
                relative, np.where(out, -1, member), posterior.shape[1], strength
            )
    return _best(CLASS_STRENGTHS, predicted, relative)


def _best(strengths: Sequence[float], predicted: Sequence[Array], targets: Array) -> Validated:
    errors = [squared_error(each, targets) for each in predicted]
    at = int(np.argmin(errors))
    return Validated(float(strengths[at]), predicted[at])


def _assemble(
    outcomes: Outcomes,
    ground: Ground,
    margins: Margins,
    discriminant: labels.Discriminant,
    heads: dict[str, Validated],
    weights: dict[str, float],
    basis: Basis,
) -> Fitted:
    linear = _linear(ground, margins.relative, heads, weights)
    linear = ridge.Linear(linear.weights, linear.offsets + weights["ngrams"] * basis.ngram_offsets)
    ease_validated = validated_ridge(ground.features, margins.ease[:, None], ground.fold)
    ease = ridge.fit(ground.features, margins.ease[:, None], ease_validated.strength)
    tokens, token_factor = logarithmic(ground, outcomes.output_tokens + 1.0)
    cost, cost_factor = logarithmic(ground, outcomes.cost_usd)
    closeness = ridge.Linear(
        np.concatenate((ground.centres.T, np.zeros((ground.features.shape[1] - VECTOR.stop, len(ground.centres))))),
        -0.5 * (ground.centres**2).sum(axis=1),
    )
    parts = (linear, ease, tokens, cost, ridge.Linear(discriminant.weights, discriminant.offsets), closeness)
    stacked = sum(weights[name] * heads[name].predicted for name in HEADS)
    outside = np.clip(ease_validated.predicted + margins.level + stacked, 0.0, 1.0)
    by_cluster = clusters.means(margins.relative, ground.nearest, len(ground.centres), heads["clusters"].strength)
    by_label = clusters.means(
        margins.relative, ground.labelled.member, len(ground.labelled.names), heads["labels"].strength
    )
    nearest = clusters.distances(ground.features[:, VECTOR], ground.centres).min(axis=1)
    familiar, unknown = clusters.familiarity_bounds(nearest)
    return Fitted(
        models=outcomes.models,
        labels=ground.labelled.names,
        scale=basis.scale,
        topics=basis.topics,
        table=np.concatenate([part.weights for part in parts], axis=1).astype(np.float32),
        offsets=np.concatenate([part.offsets for part in parts]),
        level=margins.level,
        label_relative=weights["labels"] * by_label,
        cluster_relative=weights["clusters"] * by_cluster,
        cluster_quality=_cluster_quality(margins, ground, by_cluster),
        cluster_sizes=np.bincount(ground.nearest, minlength=len(ground.centres)).astype(np.float64),
        noise=np.sqrt(np.nan_to_num(_column_means((outcomes.quality - outside) ** 2), nan=0.25)),
        token_factor=token_factor,
        cost_factor=cost_factor,
        sharpness=discriminant.sharpness,
        familiar=familiar,
        unknown=unknown,
        about=_about(outcomes, ground, margins, heads, weights, np.asarray(stacked)),
    )


def _linear(ground: Ground, relative: Array, heads: dict[str, Validated], weights: dict[str, float]) -> ridge.Linear:
    """The linear heads, each fitted on all prompts with its strength and times its weight, as one."""
    d, m = ground.features.shape[1], relative.shape[1]
    total = ridge.Linear(np.zeros((d, m)), np.zeros(m))
    for name, block in ground.blocks().items():
        found = ridge.fit(ground.features[:, block], relative, heads[name].strength)
        total.weights[block] += weights[name] * found.weights
        total = ridge.Linear(total.weights, total.offsets + weights[name] * found.offsets)
    return total


def logarithmic(ground: Ground, values: Array) -> tuple[ridge.Linear, Array]:
    """(linear in the features, factor (m,)): expected value = factor x exp(linear). NaN factor for a model with nothing known.

    The factor makes the predictions outside the folds right on average, which exp of a mean logarithm is not.
    """
    usable = np.where(np.isnan(values) | (values <= 0.0), np.nan, values)
    logs = np.log(usable)
    validated = validated_ridge(ground.features, logs, ground.fold)
    found = ridge.fit(ground.features, logs, validated.strength)
    raised = np.where(np.isnan(usable), np.nan, np.exp(np.clip(validated.predicted, -50.0, 50.0)))
    with np.errstate(invalid="ignore"):
        return found, np.nansum(values * ~np.isnan(raised), axis=0) / np.where(
            np.isnan(raised).all(axis=0), np.nan, np.nansum(raised, axis=0)
        )


def _cluster_quality(margins: Margins, ground: Ground, by_cluster: Array) -> Array:
    sizes = np.maximum(np.bincount(ground.nearest, minlength=len(ground.centres)), 1)
    ease = np.bincount(ground.nearest, weights=margins.ease, minlength=len(ground.centres)) / sizes
    return np.clip(ease[:, None] + margins.level + by_cluster, 0.0, 1.0)


def _column_means(values: Array) -> Array:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def _about(
    outcomes: Outcomes,
    ground: Ground,
    margins: Margins,
    heads: dict[str, Validated],
    weights: dict[str, float],
    stacked: Array,
) -> dict[str, object]:
    plain = squared_error(np.zeros(margins.relative.shape), margins.relative)
    return {
        "reading": READING,
        "mean_quality": round(float(margins.ease.mean()), 6),
        "prompts": len(outcomes),
        "known_outcomes": int((~np.isnan(outcomes.quality)).sum()),
        "labels": len(ground.labelled.names),
        "clusters": len(ground.centres),
        "heads": {
            name: {
                "weight": round(weights[name], 4),
                "strength": heads[name].strength,
                "explained": round(1.0 - squared_error(heads[name].predicted, margins.relative) / plain, 5)
                if plain
                else 0.0,
            }
            for name in HEADS
        },
        "explained": round(1.0 - squared_error(stacked, margins.relative) / plain, 5) if plain else 0.0,
    }
