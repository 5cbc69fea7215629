"""How often intervals hold the truth, and how far poisoned votes move scores: many runs where the truth is known."""

from __future__ import annotations

import numpy as np

from benchmarks import learning_worlds as worlds
from benchmarks.learning_outcomes import Answers
from routerapp.learning.capabilities import Capabilities, assess
from routerapp.learning.evidence import Floats, Integers
from routerapp.learning.off_policy import DecisionLog, Draws, evaluate

ROWS = 8_000
EXPLORED = 0.3
ESTIMATES = ("ips", "self_normalised", "doubly_robust")


def off_policy(data: Answers, runs: int, draws: int = 1_000) -> dict[str, str]:
    """A log of ROWS decisions by one router (three tenths of it uniform), the value of another router's choices, over and over.

    Both routers and the predictions of quality know category means of a few hundred prompts each, which are not evaluated on.
    """
    rng = np.random.Generator(np.random.PCG64(20))
    order = rng.permutation(len(data.quality))
    kept = order[1_500:]
    quality, category = data.quality[kept], data.category[kept]
    own, other, model = (_means(data, order[part]) for part in (slice(300), slice(300, 1_000), slice(1_000, 1_500)))
    logging = _choosing(own[category].argmax(axis=1), len(data.models), EXPLORED)
    target = _choosing(other[category].argmax(axis=1), len(data.models), 0.0)
    truth = float(np.sum(target * quality, axis=1).mean())
    hits, refused = dict.fromkeys((*ESTIMATES, "direct"), 0), 0
    errors: dict[str, list[float]] = {name: [] for name in hits}
    sizes = []
    for run in range(runs):
        rows = rng.integers(0, len(kept), ROWS)
        chosen = (rng.random(ROWS)[:, None] < np.cumsum(logging[rows], axis=1)).argmax(axis=1)
        log = DecisionLog(chosen, logging[rows], quality[rows, chosen], model[category[rows]])
        report = evaluate(log, target[rows], Draws(draws, run))
        refused += report.refusal is not None
        sizes.append(report.effective)
        for name in hits:
            found = getattr(report, name)
            if found is not None:
                hits[name] += truth in found
                errors[name].append(found.value - truth)
    figures = {
        "truth": f"{truth:.4f}",
        "effective rows, mean": f"{np.mean(sizes):.0f} of {ROWS}",
        "refused": str(refused),
    }
    for name in hits:
        rmse = float(np.sqrt(np.mean(np.square(errors[name]))))
        share = 100 * hits[name] / max(1, len(errors[name]))
        figures[name] = (
            f"{share:.1f} % cover of {len(errors[name])}, RMSE {rmse:.4f}, bias {np.mean(errors[name]):+.4f}"
        )
    return figures


def refusals(data: Answers, runs: int) -> dict[str, str]:
    """The same with 500 rows and a tenth explored: nothing may be claimed."""
    rng = np.random.Generator(np.random.PCG64(21))
    logging = _choosing(np.zeros(len(data.quality), dtype=np.int64), len(data.models), 0.1)
    target = _choosing(np.ones(len(data.quality), dtype=np.int64), len(data.models), 0.0)
    codes = []
    for run in range(runs):
        rows = rng.integers(0, len(data.quality), 500)
        chosen = (rng.random(500)[:, None] < np.cumsum(logging[rows], axis=1)).argmax(axis=1)
        report = evaluate(DecisionLog(chosen, logging[rows], data.quality[rows, chosen]), target[rows], Draws(100, run))
        codes.append(report.refusal.code if report.refusal else "answered")
    return {f"500 rows, a tenth explored: {code}": f"{codes.count(code)} of {runs}" for code in sorted(set(codes))}


def _means(data: Answers, rows: Integers) -> Floats:
    """(categories, models) mean quality on these rows, shrunk to each model's mean by 20 rows."""
    level = data.quality[rows].mean(axis=0)
    found = np.tile(level, (len(data.categories), 1))
    for place in range(len(data.categories)):
        own = data.quality[rows][data.category[rows] == place]
        found[place] = (own.sum(axis=0) + 20 * level) / (len(own) + 20)
    return found


def _choosing(best: Integers, models: int, explored: float) -> Floats:
    found = np.full((len(best), models), explored / models)
    found[np.arange(len(best)), best] += 1 - explored
    return found


def score_coverage(runs: int) -> dict[str, str]:
    """Share of (model, subject) truths inside their 95 % intervals."""
    kinds = {
        "labels, judges and voters": {},
        "4 models, 3 subjects": {"models": 4, "subjects": 3},
        "near the top (mean .9)": {"middle": 0.9},
        "about 8 pieces a score": {"per_cell": 8.0},
        "voters with tastes (sd .06)": {"taste": 0.06},
        "marks instead of good or bad": {"graded": 1.0},
    }
    figures = {}
    for name, options in kinds.items():
        figures[name] = _covered(runs, options)
    figures["a year that wanders as the half-life assumes"] = _covered(max(2, runs // 5), None)
    return figures


def _covered(runs: int, options: dict[str, float] | None) -> str:
    hits, quarantined = [], 0
    for seed in range(runs):
        rng = np.random.Generator(np.random.PCG64(seed))
        if options is None:
            truth, pieces = worlds.wandering(rng, 8, 4, 30, 1)
            found = assess(pieces, worlds.NOW_MS, 30)
        else:
            shape = {name: value for name, value in options.items() if name in ("models", "subjects", "middle")}
            truth = worlds.scores(rng, **shape)
            pieces = worlds.evidence(rng, truth, **{k: v for k, v in options.items() if k not in shape})
            found = assess(pieces, worlds.NOW_MS)
        _, low, high = bounds(found)
        hits.append(float(np.mean((low <= truth.ravel()) & (truth.ravel() <= high))))
        quarantined += len(found.quarantined)
    return f"{100 * np.mean(hits):.1f} % in {runs} runs; honest voters left out: {quarantined}"


def poison(runs: int) -> dict[str, str]:
    """Per attack: the largest move of any score, in half-widths of its interval before, with a tenth of all votes hostile."""
    figures = {}
    for attack in worlds.ATTACKS:
        largest = []
        for seed in range(runs):
            rng = np.random.Generator(np.random.PCG64(seed))
            clean = worlds.evidence(rng, worlds.scores(rng), per_cell=100, days=30, taste=0.05)
            mean, low, high = bounds(assess(clean, worlds.NOW_MS))
            moved = bounds(assess(worlds.poisoned(rng, clean, attack), worlds.NOW_MS))[0]
            largest.append(float(np.max(np.abs(moved - mean) / ((high - low) / 2))))
        over = sum(value > 1 for value in largest)
        figures[attack] = f"largest of all scores {max(largest):.2f} half-widths, over 1 in {over} of {runs} runs"
    return figures


def bounds(found: Capabilities) -> Floats:
    """(3, scores): means, lows, highs."""
    return np.array([[score.mean, score.low, score.high] for score in found.scores]).T
