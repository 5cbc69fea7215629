"""Model cards and reports of the shape that training and evaluation write, with whatever names a test wants."""

from __future__ import annotations

from typing import Any


def figure(value: float | None, half: float = 0.01) -> dict[str, float | None]:
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": round(value - half, 6), "high": round(value + half, 6)}


def figures(gain: float = 0.02, saved: float | None = 0.36) -> dict[str, Any]:
    return {
        "best_quality": figure(0.72),
        "perf_gain": figure(gain),
        "oracle_gap_closed": figure(0.1),
        "aiq": figure(0.68),
        "zero_aiq": figure(0.66),
        "gain_over_zero": figure(0.02),
        "cost_save": figure(saved),
        "cost_save_99": figure(0.45),
        "apgr": figure(0.6),
        "cpt50": figure(0.4),
        "cpt80": figure(0.7),
        "ece": figure(0.02, 0.005),
    }


def a_report(models: tuple[str, ...] = ("big", "small")) -> dict[str, Any]:
    """Two models, a front of three points, three routers."""
    big, small = models[0], models[1]
    points = [
        _point(400.0, 0.50, 0.0001, {small: 1.0}),
        _point(30.0, 0.66, 0.0006, {small: 0.5, big: 0.5}),
        _point(1.0, 0.72, 0.0012, {big: 1.0}),
    ]
    hull = [[0.0001, 0.5], [0.0006, 0.66], [0.0012, 0.72]]
    zero = [[0.0001, 0.5], [0.0011, 0.7]]
    return {
        "schema": 1,
        "default": big,
        "margin": 0.02,
        "draws": 300,
        "prompts": 400,
        "groups": 390,
        "left_out": 3,
        "models": list(models),
        "strong": big,
        "weak": small,
        "singles": [
            {"model": big, "quality": figure(0.7), "cost_usd": figure(0.0011, 0.0001)},
            {"model": small, "quality": figure(0.5), "cost_usd": figure(0.0001, 0.00001)},
        ],
        "oracle_quality": figure(0.85),
        "random_quality": figure(0.6),
        "zero_hull": zero,
        "policies": [
            {"name": "support", "share": 1.0, "quality": figure(0.6), "cost_usd": figure(0.0005, 0.0001)},
            {"name": "elsewhere", "share": 0.2, "quality": None, "cost_usd": None},
        ],
        "routers": [
            {
                "id": router,
                "figures": figures(),
                "hull": hull,
                "points": points,
                "reliability": a_reliability(),
                "by_dataset": {},
            }
            for router in ("ours", "gated")
        ]
        + [
            {"id": "knn", "figures": figures(-0.01, None), "hull": zero},
            {"id": "oracle", "figures": figures(), "hull": hull},
        ],
    }


def a_reliability() -> list[dict[str, float]]:
    return [
        {"low": 0.0, "high": 0.5, "share": 0.4, "predicted": 0.3, "observed": 0.33},
        {"low": 0.5, "high": 1.0, "share": 0.6, "predicted": 0.8, "observed": 0.78},
    ]


def a_card(text: str = "sums", models: tuple[str, ...] = ("big", "small"), **overrides: Any) -> dict[str, Any]:
    """text: stands wherever a file's own words would."""
    return {
        "schema": 1,
        "benchmarks": [{"slug": "sums", "name": text, "sha256": "0" * 64, "prompts": 2_000}],
        "models": {text: models[0], "other": models[1]},
        "pool": list(models),
        "default": models[0],
        "seed": 0,
        "prompts": {"trained_on": 1_600, "held_back": 400, "measured": 397},
        "groups": {"trained_on": 1_590, "held_back": 390},
        "labels": 2,
        "figures": figures(),
        "gated": figures(0.01),
        "reliability": a_reliability(),
        "by_dataset": {},
        "weak_spots": [
            {"label": text, "prompts": 60, "gain": figure(-0.03)},
            {"label": "other", "prompts": 90, "gain": figure(0.04)},
        ],
        "training": {
            "heads": {
                "words": {"weight": 0.6, "strength": 300.0, "explained": 0.031},
                "topics": {"weight": 0.4, "strength": 100.0, "explained": 0.022},
                "clusters": {"weight": 0.0, "strength": 10.0, "explained": -0.001},
            }
        },
        "left_out": [
            {"label": text, "prompts": 200, "perf_gain": figure(-0.004), "cost_save": figure(None)},
            {"label": "other", "prompts": 300, "perf_gain": figure(0.01), "cost_save": figure(0.2)},
        ],
        "gate": {"champion": "", "is_better": None, "reason": ""},
        "took_seconds": 12.5,
    } | overrides


def a_gate(champion: str, *, is_better: bool, is_decided: bool = True, name: str = "old@1") -> dict[str, Any]:
    """The champion gate's verdict; is_decided: recorded traffic could tell."""
    sign = 1 if is_better else -1
    report = {
        "value": figure(0.71),
        "direct": figure(0.74),
        "logged": figure(0.7),
        "effective": 640.0,
        "largest_weight": 2.3,
        "clipped": 0.0,
    }
    refusal = {"code": "too_few_effective", "detail": {"effective": 134.0, "least": 500.0}}
    traffic = {
        "days": 60,
        "rows": 1_300 if is_decided else 160,
        "left_out": {"not_kept": 12},
        "difference": figure(0.03) if is_decided else None,
        "refusal": None if is_decided else refusal,
        "challenger": report if is_decided else {**report, "value": None},
        "champion": report if is_decided else {**report, "value": None},
    }
    slice_ = {"prompts": 397, "questions": 390, "figure": "gain_over_zero", "difference": figure(0.02 * sign)}
    return {
        "champion": champion,
        "name": name,
        "verdict": "promote" if is_better else "held_back_worse",
        "is_better": is_better,
        "is_sure": is_better and is_decided,
        "reason": "Both halves in words.",
        "held_back": slice_ | {"reason": "The difference of dAIQ on 397 prompts."},
        "traffic": traffic
        | {"reason": "On 1,300 explored requests." if is_decided else "Not decided: too little explored traffic."},
    }


def _point(preference: float, quality: float, cost_usd: float, shares: dict[str, float]) -> dict[str, Any]:
    return {
        "preference": preference,
        "quality": figure(quality),
        "cost_usd": figure(cost_usd, cost_usd / 10),
        "shares": shares,
        "on_hull": True,
    }
