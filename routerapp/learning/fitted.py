"""What training leaves behind: plain arrays and a few numbers. Predicting needs nothing else; the artefact holds nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.features import Scale
from routerapp.learning.topics import Topics

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """m models, t labels, c clusters, d features.

    table (d, 3m + 1 + t + c) float32 and offsets (3m + 1 + t + c,): one product with the features gives, in this order: relative quality of
    each model by the linear heads (but for the n-gram head), ease, ln tokens of each model's answer, ln cost in USD of each model, score of each label, and
    closeness (minus half the squared distance, but for a term that all share) to each cluster.
    topics: the directions with the n-gram head, times its weight, as m further columns.
    level (m,); label_relative (t, m) and cluster_relative (c, m): already times their heads' weights. cluster_quality (c, m): how the
    models did there, for people. cluster_sizes (c,). noise (m,): standard deviation of an outcome around its prediction.
    token_factor, cost_factor (m,): what turns exp of a mean logarithm into a mean; NaN where unknown.
    familiar, unknown: squared distances to the nearest cluster up to which, and from which on, a prompt is like those of training, or not.
    """

    models: tuple[str, ...]
    labels: tuple[str, ...]
    scale: Scale
    topics: Topics
    table: NDArray[np.float32]
    offsets: Array
    level: Array
    label_relative: Array
    cluster_relative: Array
    cluster_quality: Array
    cluster_sizes: Array
    noise: Array
    token_factor: Array
    cost_factor: Array
    sharpness: float
    familiar: float
    unknown: float
    about: Mapping[str, Any] = field(default_factory=dict)
