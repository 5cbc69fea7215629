"""A trained predictor as something that can be evaluated, and a training as one call. Jobs only: reading thousands of prompts takes seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routerapp.engine.types import Predictions
from routerapp.learning import artefact, training
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import PromptReading, read_prompt, read_prompts
from routerapp.learning.routers import Router, guarded

READING = 0.15


@dataclass(frozen=True, slots=True)
class Learned:
    """artefact: the file's bytes. account: what training says of itself, as JSON. predicts: one prompt as decisions see it.

    says: the same of a request that was read already. gated: the same router behind the gate of the `learned` strategy, by the default
    model's name.
    """

    models: tuple[str, ...]
    router: Router
    gated: Callable[[str], Router]
    predicts: Callable[[str], Predictions]
    says: Callable[[PromptReading], Predictions]
    account: Mapping[str, Any]
    artefact: bytes


def train(outcomes: Outcomes, *, seed: int, progress: Callable[[float, str], None]) -> Learned:
    """A predictor of these outcomes. Raises training.TooFewOutcomes, and whatever progress raises."""
    progress(0.0, "Reading the prompts")
    readings = read_prompts(outcomes.prompts)
    fitted = training.train(
        outcomes, readings, seed, lambda stage, share: progress(READING + (1 - READING) * share, stage.capitalize())
    )
    content, address = artefact.write(fitted)
    predictor = Predictor(fitted, address)
    return _learned(predictor, content)


def router_of(content: bytes) -> Learned:
    """The predictor in these bytes. Raises artefact.BadArtefact."""
    return _learned(_opened(content), content)


def _opened(content: bytes) -> Predictor:
    with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
        path = Path(folder) / "predictor.safetensors"
        path.write_bytes(content)
        # Mapped: what is open stays when the file is gone.
        return artefact.load(path)


def cluster_sizes(content: bytes) -> Floats:
    """(c,) how many prompts of training lie in each cluster. Raises artefact.BadArtefact."""
    return _opened(content).fitted.cluster_sizes.astype(np.float64)


def _learned(predictor: Predictor, content: bytes) -> Learned:
    known: dict[tuple[str, ...], _Seen] = {}

    def seen(asked: Outcomes) -> _Seen:
        """Each table of prompts is read once: a curve, a gate and the weak spots ask for the same one."""
        if asked.prompts not in known:
            known[asked.prompts] = _see(predictor, asked.prompts)
        return known[asked.prompts]

    def route(asked: Outcomes) -> tuple[Floats, Floats]:
        columns = [predictor.models.index(model) for model in asked.models]
        return seen(asked).quality[:, columns].copy(), _filled(seen(asked).cost_usd[:, columns])

    def gated(default: str) -> Router:
        return guarded(route, default, certainty=lambda asked: seen(asked).certainty)

    def predicts(prompt: str) -> Predictions:
        return predictor.predict(read_prompt(prompt))

    return Learned(predictor.models, route, gated, predicts, predictor.predict, dict(predictor.fitted.about), content)


@dataclass(frozen=True, slots=True)
class _Seen:
    """quality, cost_usd: (n, m), cost NaN where unknown; certainty: (n,), as the gate takes it."""

    quality: Floats
    cost_usd: Floats
    certainty: Floats


def _see(predictor: Predictor, prompts: Sequence[str]) -> _Seen:
    found = [predictor.foresee(read_prompt(prompt)) for prompt in prompts]
    empty = np.zeros((0, len(predictor.models)))
    return _Seen(
        np.stack([one.quality for one in found]) if found else empty,
        np.stack([one.cost_usd for one in found]) if found else empty,
        np.array([one.certainty for one in found]),
    )


def _filled(cost_usd: Floats) -> Floats:
    """A cost nobody knows counts as the dearest one of the prompt; 0 where none is known."""
    dearest = np.max(np.nan_to_num(cost_usd), axis=1, keepdims=True, initial=0.0)
    return np.where(np.isnan(cost_usd), dearest, cost_usd)
