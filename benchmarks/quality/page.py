"""The run in Markdown: for each pool the table and the verdict, then unseen categories, few labels, a new model, the bars."""

from __future__ import annotations

from typing import Any

from benchmarks.quality.contestants import OURS, SEES_MORE
from benchmarks.quality.published import ROUTELLM
from routerapp.learning.report import FIGURES
from routerapp.learning.report_table import IN_PERCENT, aligned, shown, table_of, writer

Shown = dict[str, Any]


def page(run: dict[str, Any]) -> str:
    """Everything of one run."""
    parts = [_head(run), *(_pool(pool) for pool in run["pools"].values()), _left_out(run), _few_labels(run)]
    parts += [_new_models(run), _bars(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(run: dict[str, Any]) -> str:
    machine, measured = run["machine"], list(run["measured"].values())
    days = " and ".join(sorted({one["at"][:10] for one in measured}))
    draws = " and ".join(f"{number:,}" for number in sorted({one["draws"] for one in measured}))
    minutes = sum(one["seconds"] for one in measured) / 60
    return (
        f"# Routing quality\n\n{days}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}; "
        f"{minutes:.0f} minutes in all. Trained on {run['trained_percent']} % of the questions, measured on the rest; "
        f'[brackets]: 95 % of {draws} bootstrap draws of whole questions. "none": the quality is never reached. '
        f"{' and '.join(SEES_MORE)} see what no router has before the call."
    )


def _pool(pool: dict[str, Any]) -> str:
    described = pool["described"]
    cost = described["best_single_usd_per_1k"]
    price = "" if cost is None else f", ${cost:.3f} per 1,000"
    lines = [
        f"## {pool['name']} ({len(pool['models'])} models)",
        f"{pool['trained_on']} prompts trained on, {pool['prompts']} measured. Best single {described['best_single']} "
        f"{described['best_single_quality']:.3f}{price}; random {described['random_quality']:.3f}; oracle "
        f"{described['oracle_quality']:.3f}. APGR and CPT: {described['strong']} and {described['weak']}.",
        table_of(pool["rows"], OURS),
        _verdict(pool),
        _against(pool),
        _splits(pool),
    ]
    return "\n\n".join(line for line in lines if line)


def _verdict(pool: dict[str, Any]) -> str:
    found = pool["verdict"]
    best = [FIGURES[name][0] for name in found["best_in"]]
    text = (
        f"Ours is the best of those that see only the prompt by {' and '.join(best)}."
        if best
        else "Ours is **not** the best here."
    )
    for name, behind in found["behind"].items():
        difference = behind["difference"]
        text += f" By {FIGURES[name][0]} {behind['leader']} leads: {_difference(name, difference)}"
        text += (
            ", which the draws cannot tell from chance." if (difference["high"] or 0) >= 0 else ", more than chance."
        )
    return text


def _against(pool: dict[str, Any]) -> str:
    """Ours less each rival, on the same draws."""
    names = [name for name in pool["verdict"]["measures"] if name in next(iter(pool["against"].values()))]
    parts = []
    for name in names:
        told = (
            f"{rival} {_difference(name, differences[name])}"
            for rival, differences in pool["against"].items()
            if differences[name]["value"] is not None
        )
        parts.append(f"{FIGURES[name][0]} of ours less that of: {'; '.join(told)}.")
    return "\n\n".join(parts)


def _difference(name: str, difference: Shown) -> str:
    scale, unit = (100, " %") if name in IN_PERCENT else (1, "")
    low, high = (difference[end] if difference[end] is not None else float("nan") for end in ("low", "high"))
    digits = 1 if scale == 100 else 4
    return (
        f"{scale * difference['value']:+.{digits}f}{unit} [{scale * low:+.{digits}f} {scale * high:+.{digits}f}]"
        if difference["value"] is not None
        else "none"
    )


def _splits(pool: dict[str, Any]) -> str:
    splits = pool["splits"]
    if not splits:
        return ""
    keys = [key for key in ("perf_gain", "gain_over_zero", "apgr", "ece") if key in splits["rows"][OURS]]
    lines = [[f"mean of {splits['number']} splits (sd)", *(FIGURES[key][0] for key in keys)]]
    for name, row in splits["rows"].items():
        cells = [
            f"{writer(key)(row[key]['mean'])} ({writer(key)(row[key]['sd'])})" if key in row else "" for key in keys
        ]
        lines.append([name, *cells])
    return aligned(lines)


def _left_out(run: dict[str, Any]) -> str:
    found = run["left_out"]
    if not found:
        return ""
    head = ["pool", "folds", "best point, against the best single model", "the default model itself, against it"]
    head += ["no regard for cost, against the default", "worst category, against the default", "categories under −1 %"]
    lines = [head, *(_left_out_row(name, one) for name, one in found.items())]
    return (
        "## Categories never seen\n\nWhole categories are left out of training, in as many folds as told (several categories at once where there are more); ours with its gate. PerfGain in %. The best single model is "
        "known in hindsight only; the default is the best model of the other categories, to which the gate falls back.\n\n"
        + aligned(lines)
    )


def _left_out_row(name: str, one: dict[str, Any]) -> list[str]:
    categories = one["categories"]
    worst = min(categories, key=lambda category: categories[category]["value"])
    under = [category for category in categories.values() if category["value"] < -0.01]
    sure = [category for category in under if category["high"] < -0.01]
    return [
        name,
        str(one["folds"]),
        shown("perf_gain", one["perf_gain"]),
        writer("perf_gain")(one["default_against_best"]),
        shown("perf_gain", one["of_default"]),
        f"{worst} ({categories[worst]['prompts']} prompts): {shown('perf_gain', categories[worst])}",
        f"{len(under)} of {len(categories)}, {len(sure)} for sure",
    ]


def _few_labels(run: dict[str, Any]) -> str:
    tables = [_against_published(name, run) for name in ROUTELLM if _is_measured(name, run)]
    return "\n\n".join(["## Few labels, and RouteLLM's published figures", *tables]) if tables else ""


def _is_measured(name: str, run: dict[str, Any]) -> bool:
    return name in run["few_labels"] or name in run["pools"]


def _against_published(name: str, run: dict[str, Any]) -> str:
    few = [
        [f"**ours**, {one['labels']} labels, mean of {one['draws']} draws", *_three(*_values(one))]
        for one in run["few_labels"].get(name, [])
    ]
    whole = [
        [f"**ours**, the {pool['trained_on']} of the table above", *_three(*_figures(pool))]
        for pool in run["pools"].values()
        if pool["name"] == name
    ]
    published = [[f"RouteLLM: {title}", *_three(*values)] for title, *values in ROUTELLM[name]]
    return aligned([[f"{name}: router, trained on", "APGR", "CPT50 %", "CPT80 %"], *published, *few, *whole])


def _three(apgr: float, cpt50: float, cpt80: float) -> list[str]:
    return [f"{apgr:.3f}", f"{100 * cpt50:.1f}", f"{100 * cpt80:.1f}"]


def _values(one: dict[str, Any]) -> tuple[float, float, float]:
    return one["apgr"], one["cpt50"], one["cpt80"]


def _figures(pool: dict[str, Any]) -> tuple[float, float, float]:
    row = pool["rows"][OURS]
    return row["apgr"]["value"], row["cpt50"]["value"], row["cpt80"]["value"]


def _new_models(run: dict[str, Any]) -> str:
    found = run["new_models"]
    if not found:
        return ""
    lines = [["pool", "gain over zero router: all labels", "50 labels", "gain over before it joined: all", "50 labels"]]
    for name, one in found.items():
        cells = [f"{one[key]:.4f}" for key in ("full", "few", "full_over_before", "few_over_before")]
        lines.append([f"{name} ({one['measure']}, {len(one['models'])} models in turn)", *cells])
    return "## A model that joins with 50 labels\n\n" + aligned(lines)


def _bars(run: dict[str, Any]) -> str:
    lines = [[bar["bar"], bar["measured"], "met" if bar["met"] else "**not met**"] for bar in run["bars"]]
    return "## Bars\n\n" + aligned([["bar", "measured", ""], *lines])
