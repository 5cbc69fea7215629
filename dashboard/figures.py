"""Shapes of charts as plain Plotly documents. Colours are names of CSS variables; charts.js reads them, so both themes fit."""

from collections.abc import Mapping, Sequence
from typing import Any

Figure = dict[str, Any]
SERIES = 7
OTHER = "var(--chart-other)"


def color(place: int) -> str:
    return f"var(--chart-{place + 1})" if place < 8 else OTHER


def stacked_bars(times: Sequence[str], series: Mapping[str, Sequence[float]], axis: Mapping[str, Any]) -> Figure:
    """One bar per time, one layer per name; the layer called "other" is grey."""
    data = [
        {
            "type": "bar",
            "name": name,
            "x": list(times),
            "y": list(values),
            "marker": {"color": OTHER if name == "other" else color(place)},
        }
        for place, (name, values) in enumerate(series.items())
    ]
    return {"data": data, "layout": {"barmode": "stack", "bargap": 0.18, "hovermode": "x unified", "yaxis": dict(axis)}}


def lines(
    times: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    axis: Mapping[str, Any],
    *,
    is_from_zero: bool = True,
) -> Figure:
    """A missing value is a gap, never a zero. The first line is the firm one."""
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(times) < 3 or _is_sparse(values) else "lines",
            "name": name,
            "x": list(times),
            "y": list(values),
            "connectgaps": False,
            "line": {
                "color": color(place),
                "width": 2.25 if place == 0 else 1.5,
                "dash": "solid" if place == 0 else "dot",
            },
            "marker": {"size": 5},
        }
        for place, (name, values) in enumerate(series.items())
    ]
    return {
        "data": data,
        "layout": {"hovermode": "x unified", "yaxis": dict(axis, rangemode="tozero" if is_from_zero else "normal")},
    }


def bars(names: Sequence[str], values: Sequence[float], axis: Mapping[str, Any], texts: Sequence[str]) -> Figure:
    """Lying bars, the first name on top."""
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(values),
            "y": list(names),
            "text": list(texts),
            "textposition": "auto",
            "cliponaxis": False,
            "hoverinfo": "y+text",
            "marker": {"color": color(0)},
            "width": min(0.8, 0.2 * len(names)),
        }
    ]
    return {"data": data, "layout": _lying(axis)}


def dots_with_interval(
    names: Sequence[str],
    values: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    axis: Mapping[str, Any],
    texts: Sequence[str],
) -> Figure:
    """A dot per name with its 95 % interval; the axis need not begin at zero."""
    error = {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, high in zip(values, highs, strict=True)],
        "arrayminus": [value - low for value, low in zip(values, lows, strict=True)],
        "color": color(0),
        "thickness": 1.5,
        "width": 4,
    }
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": list(values),
        "y": list(names),
        "text": list(texts),
        "hoverinfo": "y+text",
        "error_x": error,
        "marker": {"color": color(0), "size": 9},
    }
    return {"data": [dots], "layout": _lying(axis)}


def spans(
    names: Sequence[str],
    lows: Sequence[float],
    highs: Sequence[float],
    labels: tuple[str, str],
    axis: Mapping[str, Any],
) -> Figure:
    """Two dots per name on a line: a low and a high percentile."""
    rails: dict[str, list[Any]] = {"x": [], "y": []}
    for name, low, high in zip(names, lows, highs, strict=True):
        rails["x"] += [low, high, None]
        rails["y"] += [name, name, None]
    rail = {
        "type": "scatter",
        "mode": "lines",
        **rails,
        "line": {"color": "var(--chart-other)", "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    data = [rail]
    for place, (label, values) in enumerate(zip(labels, (lows, highs), strict=True)):
        marker = {"color": color(place), "size": 9, "symbol": "circle" if place == 0 else "diamond"}
        data.append(
            {"type": "scatter", "mode": "markers", "name": label, "x": list(values), "y": list(names), "marker": marker}
        )
    return {"data": data, "layout": _lying(dict(axis, rangemode="tozero"))}


def _lying(axis: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "xaxis": dict(axis),
        "yaxis": {"autorange": "reversed", "type": "category", "automargin": True, "showgrid": False, "dtick": 1},
    }


def _is_sparse(values: Sequence[float | None]) -> bool:
    """Points between gaps would be invisible as lines."""
    known = sum(value is not None for value in values)
    return known < 3 or known < len(values) / 2
