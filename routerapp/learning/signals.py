"""What the transparent classifier saw in a prompt, as numbers: a trained head looks at them beside the words, and people can check them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.features import extract_features
from routerapp.engine.task import TaskClassifier, default_classifier
from routerapp.engine.task_words import TASKS
from routerapp.engine.types import Features

PRIOR_POINTS = 0.5
NAMES = (
    *(f"points {task}" for task in TASKS),
    *(f"share {task}" for task in TASKS),
    "no points",
    "code",
    "formula",
    "complexity",
    "tokens",
)
SIZE = len(NAMES)


def signal_numbers(points: Mapping[str, float], features: Features) -> NDArray[np.float32]:
    """(25,) float32. points: of every task of TASKS; features: of the same prompt, as the transparent signals made them."""
    collected = [points[task] for task in TASKS]
    total = sum(collected) + PRIOR_POINTS
    return np.array(
        [
            *(math.log1p(one) for one in collected),
            *(one / total for one in collected),
            total == PRIOR_POINTS,
            features.has_code,
            features.has_math,
            features.complexity,
            math.log1p(features.prompt_tokens) / 10.0,
        ],
        np.float32,
    )


def signals_of(text: str, classifier: TaskClassifier | None = None) -> tuple[Features, NDArray[np.float32]]:
    """(what the transparent signals say of a plain prompt, the same as numbers (25,))."""
    judge = classifier or default_classifier()
    chat = Chat("auto", {}, ({"role": "user", "content": text},))
    features = extract_features(chat, read_content(chat), judge)
    points = judge.points(text, has_code=features.has_code, has_math=features.has_math)
    return features, signal_numbers(points, features)
