"""Imported benchmarks as rows: the outcomes of a file in one compressed column, rebuilt bit by bit for whoever trains or evaluates.

Reading files is benchmark_files'; here nothing is judged but the size.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.models import BenchmarkData, BenchmarkState

FORMAT = 1
MOST_CELLS = 10_000_000
MOST_PACKED_BYTES = 64 * 1024 * 1024
LABELS = ("prompt_ids", "prompts", "groups", "datasets", "tasks", "categories")
NUMBERS = ("quality", "cost_usd", "input_tokens", "output_tokens")


class TooLarge(ValueError):
    """More outcomes than one benchmark may hold here."""


def pack_outcomes(outcomes: Outcomes) -> bytes:
    """zlib of one msgpack document: labels as text, numbers as little-endian float64 in rows of prompts. Raises TooLarge."""
    cells = len(outcomes) * len(outcomes.models)
    if cells > MOST_CELLS:
        raise TooLarge(
            f"{len(outcomes):,} prompts × {len(outcomes.models):,} models are more than {MOST_CELLS:,} outcomes."
        )
    document: dict[str, Any] = {"format": FORMAT, "models": outcomes.models}
    document |= {name: getattr(outcomes, name) for name in LABELS}
    document |= {name: np.ascontiguousarray(getattr(outcomes, name), "<f8").tobytes() for name in NUMBERS}
    packed = zlib.compress(msgspec.msgpack.encode(document))
    if len(packed) > MOST_PACKED_BYTES:
        raise TooLarge(f"It is larger than {MOST_PACKED_BYTES // 2**20} MiB when compressed.")
    return packed


def unpack_outcomes(packed: bytes) -> Outcomes:
    """The very outcomes that were packed. Raises ValueError for another format."""
    document = msgspec.msgpack.decode(zlib.decompress(packed))
    if document.get("format") != FORMAT:
        raise ValueError(f"Outcomes of format {document.get('format')} cannot be read; known is {FORMAT}.")
    shape = (len(document["prompts"]), len(document["models"]))
    labels = {name: tuple(document[name]) for name in LABELS}
    numbers = {name: np.frombuffer(document[name], "<f8").reshape(shape).astype(np.float64) for name in NUMBERS}
    return _outcomes(tuple(document["models"]), labels, numbers)


def keep_outcomes(row: BenchmarkData, outcomes: Outcomes) -> None:
    """Makes an imported row ready: its outcomes packed, its sums beside them, the upload forgotten. Raises TooLarge."""
    row.content = pack_outcomes(outcomes)
    row.upload = None
    row.state, row.problem = BenchmarkState.READY, ""
    row.prompts, row.model_names = len(outcomes), list(outcomes.models)
    row.rows = int((~np.isnan(outcomes.quality)).sum())
    row.datasets = dict(sorted(Counter(outcomes.datasets).items()))
    row.singles = {model: _single(outcomes, place) for place, model in enumerate(outcomes.models)}
    row.save()


def load_outcomes(slugs: Sequence[str]) -> Outcomes:
    """These benchmarks as one table, in this order. Raises BenchmarkData.DoesNotExist, ValueError for one that is not ready."""
    return joined([_outcomes_of(slug) for slug in slugs])


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """Prompts below each other, models side by side in the order they first appear; NaN where a part lacks a model. Raises ValueError for none."""
    if not parts:
        raise ValueError("There is nothing to join.")
    if len(parts) == 1:
        return parts[0]
    models = tuple(dict.fromkeys(model for part in parts for model in part.models))
    places = {model: place for place, model in enumerate(models)}
    labels = {name: tuple(label for part in parts for label in getattr(part, name)) for name in LABELS}
    numbers = {name: np.vstack([_widened(part, name, places) for part in parts]) for name in NUMBERS}
    return _outcomes(models, labels, numbers)


def renamed(outcomes: Outcomes, names: Mapping[str, str]) -> Outcomes:
    """Only the models named here, under their new names, prompts without any of them left out. Benchmarks may spell one model in several
    ways: such columns become one. Raises KeyError for an unknown model, ValueError where two of one name have answered the same prompt."""
    pool = outcomes.pool(list(names))
    models = tuple(dict.fromkeys(names.values()))
    if len(models) == len(names):
        return replace(pool, models=models)
    columns = [[at for at, slug in enumerate(names.values()) if slug == model] for model in models]
    if any((~np.isnan(pool.quality[:, at])).sum(axis=1).max(initial=0) > 1 for at in columns):
        raise ValueError("Two models would have the same name.")
    labels = {name: getattr(pool, name) for name in LABELS}
    return _outcomes(models, labels, {name: _merged(pool, name, columns) for name in NUMBERS})


def _outcomes(
    models: tuple[str, ...], labels: Mapping[str, tuple[str, ...]], numbers: Mapping[str, Floats]
) -> Outcomes:
    return Outcomes(
        labels["prompt_ids"],
        labels["prompts"],
        labels["groups"],
        labels["datasets"],
        labels["tasks"],
        labels["categories"],
        models,
        numbers["quality"],
        numbers["cost_usd"],
        numbers["input_tokens"],
        numbers["output_tokens"],
    )


def _single(outcomes: Outcomes, place: int) -> dict[str, float | int | None]:
    quality, cost_usd = outcomes.quality[:, place], outcomes.cost_usd[:, place]
    return {"answered": int((~np.isnan(quality)).sum()), "quality": _mean(quality, 4), "cost_usd": _mean(cost_usd, 9)}


def _mean(values: Floats, digits: int) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(known.mean()), digits) if known.size else None


def _outcomes_of(slug: str) -> Outcomes:
    row = BenchmarkData.objects.only("content", "state").get(slug=slug)
    if row.state != BenchmarkState.READY or row.content is None:
        raise ValueError(f"The benchmark {slug} is not ready.")
    return unpack_outcomes(bytes(row.content))


def _merged(pool: Outcomes, name: str, columns: Sequence[Sequence[int]]) -> Floats:
    """Of each model the column that has an answer; of its cost and tokens that one's too."""
    merged = np.full((len(pool), len(columns)), np.nan)
    for place, sources in enumerate(columns):
        for at in sources:
            is_known = ~np.isnan(pool.quality[:, at])
            merged[is_known, place] = getattr(pool, name)[is_known, at]
    return merged


def _widened(part: Outcomes, name: str, places: Mapping[str, int]) -> Floats:
    wide = np.full((len(part), len(places)), np.nan)
    wide[:, _columns(part.models, places)] = getattr(part, name)
    return wide


def _columns(models: Iterable[str], places: Mapping[str, int]) -> list[int]:
    return [places[model] for model in models]
