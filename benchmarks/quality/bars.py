"""What was promised, and whether this run kept it."""

from __future__ import annotations

from typing import Any

from benchmarks.quality.contestants import OURS

LEAST_GAIN_UNSEEN = -0.01
LEAST_APGR_OF_300 = 0.58
MOST_ECE = 0.04
LEAST_SHARE_OF_FULL = 0.8


def bars(run: dict[str, Any]) -> list[dict[str, Any]]:
    """[{"bar", "measured", "met"}, …]."""
    found = [_best_in_pool(pool) for pool in run["pools"].values()]
    found += [_calibration(pool) for pool in run["pools"].values()]
    found += [bar for name, one in run["left_out"].items() for bar in _unseen(name, one)]
    found += [_few(one) for one in run["few_labels"].get("routellm-mmlu", []) if one["labels"] == 300]
    return found + (_joined(run["new_models"]) if run["new_models"] else [])


def _best_in_pool(pool: dict[str, Any]) -> dict[str, Any]:
    best = pool["verdict"]["best_in"]
    return _bar(f"{pool['name']}: best dAIQ (PerfGain without costs) or APGR", ", ".join(best) or "neither", bool(best))


def _calibration(pool: dict[str, Any]) -> dict[str, Any]:
    error = pool["rows"][OURS]["ece"]["value"]
    measured = f"{error:.3f} (perfect predictions would show {pool['ece_by_chance']:.3f} on so few)"
    return _bar(f"{pool['name']}: calibration error ≤ {MOST_ECE}", measured, error <= MOST_ECE)


def _unseen(name: str, one: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        _bar(
            f"{name}: PerfGain on categories never seen ≥ −1 %, against {whom}",
            f"{100 * gain:.1f} %",
            gain >= LEAST_GAIN_UNSEEN,
        )
        for whom, gain in (
            ("the best single model in hindsight", one["perf_gain"]["value"]),
            ("the default model", one["of_default"]["value"]),
        )
    ]


def _few(one: dict[str, Any]) -> dict[str, Any]:
    return _bar(
        f"300 labels on MMLU: APGR ≥ {LEAST_APGR_OF_300}", f"{one['apgr']:.3f}", one["apgr"] >= LEAST_APGR_OF_300
    )


def _joined(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Sum over pools of what 50 labels bring, by the sum of what all bring."""
    result = []
    for few, full, words in (
        ("few", "full", "gain over the zero router"),
        ("few_over_before", "full_over_before", "gain over the pool without it"),
    ):
        share = sum(one[few] for one in found.values()) / max(sum(one[full] for one in found.values()), 1e-9)
        result.append(
            _bar(
                f"a new model with 50 labels: ≥ 80 % of full data's {words}",
                f"{100 * share:.0f} %",
                share >= LEAST_SHARE_OF_FULL,
            )
        )
    return result


def _bar(bar: str, measured: str, met: bool) -> dict[str, Any]:
    return {"bar": bar, "measured": measured, "met": met}
