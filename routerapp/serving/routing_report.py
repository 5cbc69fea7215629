"""One evaluation as numbers for a page: our router and the ones it must beat, all on the same prompts that none of them has seen.

Runs in jobs only. Schema 1: {routers: [{id, figures, hull, …}], singles, front, oracle and random quality, counts}; costs in USD a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerapp.engine.strategies.learned import MARGIN
from routerapp.learning import baselines, routers
from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.reading import read_prompts
from routerapp.learning.report import Report
from routerapp.learning.routers import Fit, Router
from routerapp.serving.learned_router import Learned

SCHEMA = 1
OURS, GATED = "ours", "gated"
DRAWS = 300
HELD_BACK_PERCENT = 20

Progress = Callable[[float, str], None]


def held_back(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Which prompts are never trained on: the same in every version and every mix of benchmarks, for it hangs on the group alone."""
    return np.array([is_held_back(group) for group in outcomes.groups], dtype=bool)


def is_held_back(group: str) -> bool:
    """By a hash of the group, so that the same question is on one side everywhere."""
    digest = sha256(f"held-back:{group}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_BACK_PERCENT


def best_single(outcomes: Outcomes) -> str:
    """The model with the best mean quality; the first of equals. It is the default that our router leaves only for a reason."""
    return outcomes.models[int(routers.means(outcomes.quality).argmax())]


def routing_report(
    trained_on: Outcomes, asked: Outcomes, ours: Learned | None, *, seed: int, progress: Progress
) -> dict[str, Any]:
    """Baselines are fitted on trained_on, everything is measured on asked. ours None: the baselines alone. Raises ValueError where no
    prompt was answered by every model."""
    fits = _fits(KnownVectors())
    found: list[dict[str, Any]] = []
    first: Report | None = None
    default = best_single(trained_on)
    named: list[tuple[str, Callable[[], Router]]] = []
    if ours is not None:
        known = ours
        named += [(OURS, lambda: known.router), (GATED, lambda: known.gated(default))]
    named += [(name, _fitted(fit, trained_on, seed)) for name, fit in fits.items()]
    named.append(("oracle", lambda: _oracle(asked)))
    for place, (name, make) in enumerate(named):
        progress(place / len(named), f"Measuring {name}")
        report = evaluate(make(), asked, draws=DRAWS, seed=seed)
        first = first or report
        found.append(_line(name, report))
    assert first is not None
    if ours is not None:
        # The gate changes choices, not predictions; what it does to them so that the default wins says nothing of calibration.
        found[1]["figures"]["ece"] = found[0]["figures"]["ece"]
    return _document(first, found, default)


def _document(report: Report, lines: Sequence[Mapping[str, Any]], default: str) -> dict[str, Any]:
    """What does not hang on the router is taken from any of the reports."""
    whole = report.as_json()
    kept = ("prompts", "groups", "left_out", "models", "strong", "weak", "singles", "oracle_quality", "random_quality")
    return {
        "schema": SCHEMA,
        "default": default,
        "margin": MARGIN,
        "draws": DRAWS,
        **{name: whole[name] for name in kept},
        "zero_hull": whole["zero_hull"],
        "routers": list(lines),
    }


def _line(name: str, report: Report) -> dict[str, Any]:
    whole = report.as_json()
    kept = {OURS: ("points", "reliability", "by_dataset"), GATED: ("points",)}.get(name, ())
    return {"id": name, **{part: whole[part] for part in ("figures", "hull", *kept)}}


class KnownVectors:
    """Word vectors of prompts, each table of prompts read once: several baselines ask for the same two."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], Floats] = {}

    def __call__(self, prompts: Sequence[str]) -> Floats:
        """(n, 256) unit vectors."""
        asked = tuple(prompts)
        if asked not in self._known:
            self._known[asked] = np.asarray(read_prompts(asked).vectors, np.float64)
        return self._known[asked]


def _fits(vectors: KnownVectors) -> dict[str, Fit]:
    return {
        "best_single": routers.fit_best_single,
        "cheapest": routers.fit_cheapest,
        "random": routers.fit_random,
        "knn": baselines.knn(vectors),
        "kmeans": baselines.kmeans(vectors),
        "linear": baselines.linear(vectors),
    }


def _fitted(fit: Fit, outcomes: Outcomes, seed: int) -> Callable[[], Router]:
    return lambda: fit(outcomes, seed)


def _oracle(asked: Outcomes) -> Router:
    """Only of prompts that every model answered, as evaluation keeps them."""
    return routers.oracle(asked.rows(np.flatnonzero(~np.isnan(asked.quality).any(axis=1))))
