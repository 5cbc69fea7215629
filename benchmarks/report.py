"""The comparison in Markdown: what was measured on, the tables, the bars; whole as a file, and the part that documentation shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.chart import draw

PROJECT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = PROJECT / "docs" / "performance.md", PROJECT / "docs" / "images" / "gateways.svg"
BEGIN, END = "<!-- gateways: written by `python -m benchmarks gateways --publish` -->", "<!-- end of gateways -->"
ORDER = ("direct", "signalbox", "route", "plain", "litellm", "portkey", "one_worker", "two_workers")
BUSY = (
    " **The machine was busy with other work: latencies, requests/s and ratios are not to be relied on, "
    "and CPU times are high, as caches were cold.**"
)
COLUMNS = ("signalbox", "litellm", "portkey")
# Title, field, decimals.
ROWS: tuple[tuple[str, str, int], ...] = (
    ("requests/s on one core, zero errors", "requests_per_second", 0),
    ("CPU per request, µs (2 KB, half of own saturation)", "cpu_us", 0),
    ("– all processes of the product, recording carried into the database", "tree_cpu_us", 0),
    ("– at saturation", "saturated_cpu_us", 0),
    ("– at the one rate all can hold", "shared_rate_cpu_us", 0),
    ("CPU per request, µs (50 KB)", "cpu_50kb_us", 0),
    ("CPU per streamed chunk, µs (stream − plain, ÷ 200)", "cpu_chunk_us", 1),
    ("CPU of a stream ÷ 200 chunks, µs", "cpu_stream_by_chunk_us", 1),
    ("added p50 / p95 / p99, ms, one caller, one request after the other", "alone_added", 2),
    ("added p50 / p95 / p99, ms, at the one rate all can hold", "low_added", 2),
    ("added p50 / p95 / p99, ms, 50 ms upstream", "hundred_added", 2),
    ("– requests in flight then, mean", "hundred_in_flight", 0),
    ("added time to first token, p50, ms", "first_token_added_p50_ms", 2),
    ("added delay of a chunk, p50 / p99, ms", "chunk_added", 2),
    ("– streams at once then", "streams", 0),
    ("memory of a worker, MiB resident", "worker_rss_mib", 0),
    ("– all processes, MiB (proportional)", "tree_pss_mib", 0),
    ("memory of an open stream, KiB", "kib_per_open_stream", 1),
    ("– streams held open", "most_open_streams", 0),
    ("doing nothing, µs of CPU a second (taken off above)", "idle_worker_us", 0),
    ("– all processes", "idle_tree_us", 0),
)
GROUPS = {
    "alone_added": ("alone_added_p50_ms", "alone_added_p95_ms", "alone_added_p99_ms"),
    "low_added": ("low_added_p50_ms", "low_added_p95_ms", "low_added_p99_ms"),
    "hundred_added": ("hundred_added_p50_ms", "hundred_added_p95_ms", "hundred_added_p99_ms"),
    "chunk_added": ("chunk_added_p50_ms", "chunk_added_p99_ms"),
}


def write_report(run: dict[str, Any], comparison: dict[str, Any]) -> str:
    return f"# Gateways compared\n\n![Bar charts of the figures below](gateways.svg)\n\n{_body(run, comparison)}"


def publish(run: dict[str, Any], comparison: dict[str, Any], page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Puts tables and chart between the two marks of the page. Raises ValueError where they are missing."""
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(
            f"{page.name} needs the lines {BEGIN!r} and {END!r}, once each, for the report to stand between."
        )
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    picture.write_text(draw(comparison))
    shown = f"![Signalbox beside two other gateways](images/{picture.name})\n\n{_body(run, comparison)}"
    page.write_text(f"{before}{BEGIN}\n\n{shown}\n{END}{after}")


def _body(run: dict[str, Any], comparison: dict[str, Any]) -> str:
    parts = [_measured_on(run), _peers_table(comparison), _own_table(comparison), _items_table(comparison)]
    parts += [_bars_table(comparison), _errors(comparison), _left_out(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _measured_on(run: dict[str, Any]) -> str:
    machine, versions, cores = run["machine"], run["versions"], run["cores"]
    pinning = "Server, mock and load shared all cores."
    if cores["server"] is not None:
        pinning = f"The server had core {cores['server']}, mock and load core {cores['mock and load']}; two workers had both, shared with mock and load."
    return (
        f"Measured {run['at'][:10]} in {run['minutes']} minutes: {machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}, load average {machine['load_average']} before. Signalbox {versions['signalbox']}, "
        f"LiteLLM {versions['litellm']}, Portkey gateway {versions['portkey']}. {pinning} "
        f"Medians of {run['rounds']} rounds in which all took turns; only the one under measure ran. Latency is of an open loop, counted from when "
        "a request was due. Peers run without recording, limits or rules; Signalbox with all of them."
        + (BUSY if machine["load_average"] > machine["cores"] / 4 else "")
    )


def _peers_table(comparison: dict[str, Any]) -> str:
    subjects, ratios = comparison["subjects"], comparison["ratios"]
    columns = [name for name in COLUMNS if name in subjects]
    titles = [subjects[name]["label"] for name in columns]
    titles += [f"{subjects[name]['label'].split()[0]} ÷ Signalbox" for name in columns if name in ratios]
    lines = [_row(["", *titles]), _rule(len(titles) + 1)]
    for title, field, decimals in ROWS:
        cells = [_cell(subjects[name], field, decimals) for name in columns]
        cells += [_times(ratios[name], field) for name in columns if name in ratios]
        lines.append(_row([title, *cells]))
    return "\n".join(lines)


def _times(ratios: dict[str, Any], field: str) -> str:
    value = ratios.get(field)
    if value is None:
        return ""
    return f"1/{value:,.1f}" if field == "requests_per_second" else f"{value:,.1f}"


def _own_table(comparison: dict[str, Any]) -> str:
    subjects = comparison["subjects"]
    lines = [_row(["", "requests/s", "CPU per request, µs", "50 KB, µs", "all processes, µs"]), _rule(5)]
    for name in ORDER:
        if name in subjects and name not in ("litellm", "portkey"):
            own = subjects[name]
            fields = (("requests_per_second", 0), ("cpu_us", 0), ("cpu_50kb_us", 0), ("tree_cpu_us", 0))
            lines.append(_row([own["label"], *(_cell(own, field, decimals) for field, decimals in fields)]))
    return "\n".join(lines)


def _items_table(comparison: dict[str, Any]) -> str:
    if not comparison["items"]:
        return ""
    lines = [_row(["what a feature costs", "CPU per request, µs", "more, µs", "more, %", "against"]), _rule(5)]
    for item in comparison["items"]:
        more = (f"{item['more_us']:+,.0f}", f"{item['more_percent']:+,.0f}")
        lines.append(_row([item["label"], f"{item['cpu_us']:,.0f}", *more, item["against"]]))
    return (
        "\n".join(lines)
        + "\n\nChecking the key, deciding with a full trace and recording have no switch: they are in every row."
    )


def _bars_table(comparison: dict[str, Any]) -> str:
    lines = [_row(["promised", "bar", "measured", ""]), _rule(4)]
    for bar in comparison["bars"]:
        value = "" if bar["value"] is None else f"{bar['value']:,}"
        lines.append(_row([bar["words"], bar["bar"], value, bar["verdict"]]))
    return "\n".join(lines)


def _errors(comparison: dict[str, Any]) -> str:
    if not comparison["errors"]:
        return "No run had an error."
    lines = ["Runs with errors (their answers count, their errors do not):", ""]
    for error in comparison["errors"]:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in error["kinds"].items())
        first = f" (first: {error['first']})" if error["first"] else ""
        lines.append(f"- {error['subject']}, {error['part']}: {kinds} of {error['planned']:,}{first}")
    return "\n".join(lines)


def _left_out(run: dict[str, Any]) -> str:
    return "\n".join(f"Not measured: {label}. {reason}" for label, reason in run["left_out"].items())


def _cell(figures: dict[str, Any], field: str, decimals: int) -> str:
    values = [figures.get(name) for name in GROUPS.get(field, (field,))]
    if all(value is None for value in values):
        return ""
    return " / ".join("–" if value is None else f"{value:,.{decimals}f}" for value in values)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|---|" + "--:|" * (columns - 1)
