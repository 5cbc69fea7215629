"""Charts of learned routing: the cost–quality plane with its front, what predictions were worth, how it does on the unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

from dashboard import evaluation_words as words
from dashboard import figures
from dashboard.charts import Chart
from routerapp.serving.draft_from_target import front_of

ROUTER_NAMES: Mapping[str, str] = {
    "ours": "Ours",
    "gated": "Ours, behind the gate",
    "best_single": "Best single model",
    "cheapest": "Cheapest model",
    "random": "Random",
    "knn": "k nearest neighbours",
    "kmeans": "k-means",
    "linear": "Linear",
    "oracle": "Oracle",
}
FRONT = "front"
PLANE_COLUMNS = ("Point", "Per 1,000 calls", "95 %", "Quality", "95 %")
CSV_COLUMNS = ("kind", "name", "cost_usd", "cost_low", "cost_high", "quality", "quality_low", "quality_high", "lambda")


def plane_chart(report: Mapping[str, Any]) -> Chart:
    """Models, policies and the front: cost to the right on a log scale, quality upwards."""
    singles = [one for one in report["singles"] if one["cost_usd"]]
    policies = [one for one in report.get("policies", []) if one["cost_usd"]]
    front = front_of(report)
    marks = [("model", one["model"], one["cost_usd"], one["quality"], None) for one in singles]
    marks += [("policy", one["name"], one["cost_usd"], one["quality"], None) for one in policies]
    marks += [
        ("front", _share_words(one["shares"]), one["cost_usd"], one["quality"], one["preference"]) for one in front
    ]
    return Chart(
        id=FRONT,
        title="Cost and quality",
        unit="mean quality (up), dollars per 1,000 calls (right, log); dotted: any mix of single models",
        finding=_finding(report, front),
        figure=_plane(report, singles, policies, front),
        columns=PLANE_COLUMNS,
        rows=tuple(
            (
                f"{kind}: {name}",
                words.per_thousand(cost["value"]),
                words.span(cost, words.per_thousand),
                words.quality(quality["value"]),
                words.span(quality, words.quality),
            )
            for kind, name, cost, quality, _ in marks
        ),
        csv_rows=tuple(
            (kind, name, *_three(cost), *_three(quality), preference) for kind, name, cost, quality, preference in marks
        ),
        csv_columns=CSV_COLUMNS,
    )


def reliability_chart(bins: Sequence[Mapping[str, float]]) -> Chart:
    """Predicted against observed quality: on the diagonal a promise is kept."""
    predicted, observed = [one["predicted"] for one in bins], [one["observed"] for one in bins]
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "hoverinfo": "skip",
        "line": {"color": figures.OTHER, "width": 1.5, "dash": "dot"},
    }
    dots = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": predicted,
        "y": observed,
        "text": [f"{words.percent(one['share'], 0)} of predictions" for one in bins],
        "hovertemplate": "predicted %{x:.2f}, observed %{y:.2f}<br>%{text}<extra></extra>",
        "line": {"color": figures.color(0), "width": 1.5},
        "marker": {"color": figures.color(0), "size": [6 + 22 * one["share"] for one in bins]},
    }
    axis = {"range": [0, 1], "tickformat": ".1f"}
    worst = max(bins, key=lambda one: abs(one["predicted"] - one["observed"]) * one["share"])
    gap = worst["observed"] - worst["predicted"]
    finding = (
        f"Furthest off, weighted by how often: where it says {worst['predicted']:.2f}, {worst['observed']:.2f} came "
        f"({words.signed(gap, 2)}, {words.percent(worst['share'], 0)} of predictions)."
    )
    return Chart(
        id="reliability",
        title="Are its predictions kept?",
        unit="predicted (right) and observed (up) quality",
        finding=finding,
        figure={"data": [diagonal, dots], "layout": {"xaxis": axis, "yaxis": axis}},
        columns=("Predicted between", "Share", "Predicted", "Observed"),
        rows=tuple(
            (
                f"{one['low']:.2f} and {one['high']:.2f}",
                words.percent(one["share"]),
                words.quality(one["predicted"]),
                words.quality(one["observed"]),
            )
            for one in bins
        ),
        csv_rows=tuple((one["low"], one["high"], one["share"], one["predicted"], one["observed"]) for one in bins),
        csv_columns=("low", "high", "share", "predicted", "observed"),
    )


def left_out_chart(lines: Sequence[Mapping[str, Any]]) -> Chart:
    """Quality gained on each category when it was left out of training, with its interval."""
    ranked = sorted(lines, key=lambda one: one["perf_gain"]["value"] or 0.0)
    names = [one["label"] or "no label" for one in ranked]
    found = [one["perf_gain"] for one in ranked]
    values = [100 * (one["value"] or 0.0) for one in found]
    lows = [value if one["low"] is None else 100 * one["low"] for one, value in zip(found, values, strict=True)]
    highs = [value if one["high"] is None else 100 * one["high"] for one, value in zip(found, values, strict=True)]
    texts = [f"{words.percent(one['value'])} ({words.span(one, words.percent)})" for one in found]
    return Chart(
        id="left-out",
        title="On what it has never seen",
        unit="quality gained against the best single model, behind the gate",
        finding=f"Each category was left out of training and measured alone. Worst: {names[0]}, {texts[0]}.",
        figure=figures.dots_with_interval(names, values, lows, highs, {"ticksuffix": " %"}, texts),
        columns=("Left out", "Quality gained", "95 %", "Cost saved", "Prompts"),
        rows=tuple(
            (
                name,
                words.percent(one["perf_gain"]["value"]),
                words.span(one["perf_gain"], words.percent),
                words.percent((one.get("cost_save") or {}).get("value"), 0),
                f"{one['prompts']:,}",
            )
            for name, one in zip(names, ranked, strict=True)
        ),
        csv_rows=tuple((one["label"], *_three(one["perf_gain"]), one["prompts"]) for one in ranked),
        csv_columns=("label", "perf_gain", "low", "high", "prompts"),
    )


def _plane(
    report: Mapping[str, Any],
    singles: Sequence[Mapping[str, Any]],
    policies: Sequence[Mapping[str, Any]],
    front: Sequence[Mapping[str, Any]],
) -> figures.Figure:
    """What is named comes first, in the order of the legend's colours; the mix of single models is the grey line without a name."""
    named: list[tuple[str, Sequence[Mapping[str, Any]], Sequence[str], str]] = []
    if front:
        named.append(("Our front", front, [_share_words(one["shares"]) for one in front], "diamond"))
    named.append(("Models", singles, [one["model"] for one in singles], "circle"))
    if policies:
        named.append(("Policies", policies, [one["name"] for one in policies], "square"))
    data = [_marks(name, found, texts, place, symbol) for place, (name, found, texts, symbol) in enumerate(named)]
    if front:
        data[0] |= {"mode": "lines+markers", "line": {"color": figures.color(0), "width": 2}, "meta": FRONT}
    oracle = next((one for one in report["routers"] if one["id"] == "oracle"), None)
    if oracle:
        data.append(_corners(oracle["hull"], figures.color(len(data)), "dash") | {"name": "Oracle"})
    data.append(_corners(report["zero_hull"], figures.OTHER, "dot"))
    data = [one for one in data if one["x"]]
    layout = {
        "xaxis": {"type": "log", **_ticks([x for one in data for x in one["x"]])},
        "yaxis": {"tickformat": ".2f"},
        "hovermode": "closest",
    }
    return {"data": data, "layout": layout}


def _ticks(dollars: Sequence[float]) -> dict[str, Any]:
    """1, 2 and 5 of each power of ten between the least and the most."""
    if not dollars:
        return {}
    low, high = floor(log10(min(dollars))), ceil(log10(max(dollars)))
    every = (1, 2, 5) if high - low < 4 else (1,)
    values = [first * 10.0**power for power in range(low, high + 1) for first in every]
    return {"tickvals": values, "ticktext": [f"${value:,.0f}" if value >= 1 else f"${value:.1g}" for value in values]}


def _corners(hull: Sequence[Sequence[float]], color: str, dash: str) -> dict[str, Any]:
    known = [(1_000 * cost, quality) for cost, quality in hull if cost > 0]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [cost for cost, _ in known],
        "y": [quality for _, quality in known],
        "hoverinfo": "skip",
        "line": {"color": color, "width": 1.5, "dash": dash},
    }


def _marks(
    name: str, found: Sequence[Mapping[str, Any]], texts: Sequence[str], place: int, symbol: str
) -> dict[str, Any]:
    """Points with both intervals."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [1_000 * one["cost_usd"]["value"] for one in found],
        "y": [one["quality"]["value"] for one in found],
        "text": list(texts),
        "hovertemplate": "%{text}<br>$%{x:.3g} per 1,000, quality %{y:.3f}<extra></extra>",
        "error_x": _error([one["cost_usd"] for one in found], 1_000, place),
        "error_y": _error([one["quality"] for one in found], 1, place),
        "marker": {"color": figures.color(place), "size": 9, "symbol": symbol},
    }


def _error(found: Sequence[Mapping[str, Any]], scale: float, place: int) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [scale * ((one["high"] or one["value"]) - one["value"]) for one in found],
        "arrayminus": [scale * (one["value"] - (one["low"] or one["value"])) for one in found],
        "color": figures.color(place),
        "thickness": 1,
        "width": 0,
    }


def _finding(report: Mapping[str, Any], front: Sequence[Mapping[str, Any]]) -> str:
    lines = {one["id"]: one["figures"] for one in report["routers"]}
    if "gated" not in lines:
        return "Each model on the same prompts."
    saved, gain = lines["gated"].get("cost_save") or {}, lines["gated"]["perf_gain"]
    told = f"Behind the gate it gains {words.percent(gain['value'])} quality over {report['default']} at its best point"
    if saved.get("value") is not None:
        told += f", or costs {words.percent(saved['value'], 0)} less at equal quality"
    return f"{told}. {len(front)} settings to choose from."


def _share_words(shares: Mapping[str, float]) -> str:
    """The models that get most of it."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    told = ", ".join(f"{words.percent(share, 0)} {model}" for model, share in ranked[:3])
    return f"{told} and {len(ranked) - 3} more" if len(ranked) > 3 else told


def _three(figure: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return figure["value"], figure["low"], figure["high"]
