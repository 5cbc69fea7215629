"""Who is measured: ours, the baselines it must beat, and the two that see more than a router can (labels, answers)."""

from __future__ import annotations

from benchmarks.quality.ours import fit_ours, vectors
from routerapp.learning.baselines import fit_task_known, kmeans, knn, linear, logistic
from routerapp.learning.routers import Fit, fit_best_single, fit_cheapest, fit_levels, fit_random

OURS, GATED, ORACLE, TASK = "Signalbox", "with its gate", "oracle", "task known"
# They read what no router has before the call.
SEES_MORE = (TASK, ORACLE)
# They choose, but predict no quality that could be right or wrong.
PREDICTS_NOTHING = ("best single", "cheapest", "random", ORACLE)

FITS: dict[str, Fit] = {
    OURS: fit_ours,
    "kNN (80)": knn(vectors),
    "k-means (64)": kmeans(vectors),
    "linear": linear(vectors),
    "logistic": logistic(vectors),
    "best single": fit_best_single,
    "means only": fit_levels,
    "cheapest": fit_cheapest,
    "random": fit_random,
    TASK: fit_task_known,
}
