"""From what was read to what it means: medians over the rounds, differences to the mock asked directly, ratios, and the bars. Pure."""

from __future__ import annotations

from statistics import median
from typing import Any

Rounds = list[dict[str, Any]]


def compare(run: dict[str, Any]) -> dict[str, Any]:
    """{"subjects": {name: figures}, "ratios": …, "items": …, "bars": […], "errors": […]}; a figure that was not measured is None."""
    subjects = {name: _figures(name, read, run) for name, read in run["subjects"].items()}
    comparison = {
        "subjects": subjects,
        "ratios": {peer: _ratios(subjects, peer) for peer in ("litellm", "portkey") if peer in subjects},
        "items": _items(subjects),
        "errors": _errors(run),
    }
    return {**comparison, "bars": _bars(comparison)}


def _figures(name: str, read: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    direct = run["subjects"]["direct"]["rounds"]
    figures: dict[str, Any] = {"label": read["label"], **_throughput(read["rounds"]), **_cpu(read)}
    if name != "direct":
        figures |= _added(read["rounds"], direct)
    return figures | _streams(read, direct, figures.get("cpu_us")) | _memory(read)


def _throughput(rounds: Rounds) -> dict[str, Any]:
    runs = [one["saturation"] for one in rounds if "saturation" in one]
    return {"requests_per_second": _middle([one["answers_per_second"] for one in runs])}


def _cpu(read: dict[str, Any]) -> dict[str, Any]:
    """CPU a request in µs, without what doing nothing costs: at half of its saturation (and 50 KB), saturated, at the rate all share."""
    rounds, idle = read["rounds"], read.get("idle_us_per_second")
    if idle is None:
        return {}
    shared = [one["low"] for one in rounds if "low" in one]
    drained = [one["half"] for one in rounds if "half" in one]
    saturated = [one["saturation"] for one in rounds if "saturation" in one]
    return {
        "rate": _middle([one["rate"] for one in drained]),
        "cpu_us": _middle([_a_request(one, idle) for one in drained]),
        "tree_cpu_us": _middle([_a_request(one, idle, "cpu_with_draining", "tree") for one in drained]),
        "saturated_cpu_us": _middle([_a_request(one, idle) for one in saturated]),
        "shared_rate": _middle([one["rate"] for one in shared]),
        "shared_rate_cpu_us": _middle([_a_request(one, idle) for one in shared]),
        "cpu_50kb_us": _middle([_a_request(one["50 KB"], idle) for one in rounds if "50 KB" in one]),
        "idle_worker_us": round(idle["worker"]),
        "idle_tree_us": round(idle["tree"]),
    }


def _a_request(run: dict[str, Any], idle: dict[str, float], meter: str = "cpu", who: str = "worker") -> float:
    spent = run[meter]
    return float((spent[f"{who}_us"] - idle[who] * spent["seconds"]) / max(run["answers"], 1))


def _added(rounds: Rounds, direct: Rounds) -> dict[str, Any]:
    """Milliseconds beyond the mock asked directly in the same way."""
    added: dict[str, Any] = {}
    for part in ("alone", "low", "hundred"):
        for percentile in ("p50", "p95", "p99"):
            ours = [one[part]["latency_us"][percentile] for one in rounds if _has(one, part)]
            bare = [one[part]["latency_us"][percentile] for one in direct if _has(one, part)]
            added[f"{part}_added_{percentile}_ms"] = _difference_ms(ours, bare)
    added["hundred_rate"] = _middle([one["hundred"]["rate"] for one in rounds if "hundred" in one])
    added["hundred_in_flight"] = _middle([_in_flight(one["hundred"]) for one in rounds if _has(one, "hundred")])
    return added


def _in_flight(run: dict[str, Any]) -> float:
    """By Little's law."""
    return float(run["rate"] * run["latency_us"]["mean"] / 1e6)


def _streams(read: dict[str, Any], direct: Rounds, plain_us: float | None) -> dict[str, Any]:
    """Of the largest number of streams that was measured."""
    rounds, idle = read["rounds"], read.get("idle_us_per_second", {"worker": 0})
    numbers = {number for one in rounds for number in one.get("streams", {})}
    if not numbers:
        return {}
    number = max(numbers, key=int)
    runs = [one["streams"][number] for one in rounds if one["streams"][number]["answers"]]
    bare = [one["streams"][number] for one in direct if one["streams"].get(number, {}).get("answers")]
    if not runs:
        return {"streams": int(number)}
    chunks = runs[0]["chunks_each"]
    whole = _middle([_a_request(one, idle) for one in runs])
    figures = {
        "streams": int(number),
        "cpu_whole_stream_us": whole,
        "cpu_stream_by_chunk_us": None if whole is None else round(whole / chunks, 1),
        "cpu_chunk_us": None if whole is None or plain_us is None else round((whole - plain_us) / chunks, 1),
        "first_token_added_p50_ms": _difference_ms(
            _each(runs, "first_token_us", "p50"), _each(bare, "first_token_us", "p50")
        ),
        "first_token_added_p99_ms": _difference_ms(
            _each(runs, "first_token_us", "p99"), _each(bare, "first_token_us", "p99")
        ),
    }
    for percentile in ("p50", "p99"):
        ours, theirs = _each(runs, "chunk_delay_us", percentile), _each(bare, "chunk_delay_us", percentile)
        figures[f"chunk_delay_{percentile}_ms"] = _milliseconds(_middle(ours))
        figures[f"chunk_added_{percentile}_ms"] = _difference_ms(ours, theirs)
    return figures


def _memory(read: dict[str, Any]) -> dict[str, Any]:
    if "memory_at_end" not in read:
        return {}
    held, at_end = read["open_streams"], read["memory_at_end"]
    answered = held["load"]["answers"]
    return {
        "worker_rss_mib": round(max(at_end["worker_rss_kib"]) / 1024),
        "worker_pss_mib": round(max(at_end["worker_pss_kib"]) / 1024),
        "tree_pss_mib": round(at_end["tree_pss_kib"] / 1024),
        "open_streams": held["streams"],
        "open_streams_answered": answered,
        "most_open_streams": held["load"]["most_in_flight"],
        "kib_per_open_stream": round((held["rss_during_kib"] - held["rss_before_kib"]) / held["streams"], 1),
    }


def _ratios(subjects: dict[str, Any], peer: str) -> dict[str, Any]:
    """How many times the peer's figure is ours (for requests per second: ours the peer's)."""
    ours, theirs = subjects.get("signalbox", {}), subjects[peer]
    ratios = {
        name: _ratio(theirs.get(name), ours.get(name))
        for name in (
            "cpu_us",
            "tree_cpu_us",
            "shared_rate_cpu_us",
            "cpu_50kb_us",
            "cpu_chunk_us",
            "worker_rss_mib",
            "kib_per_open_stream",
        )
    }
    return {**ratios, "requests_per_second": _ratio(ours.get("requests_per_second"), theirs.get("requests_per_second"))}


def _items(subjects: dict[str, Any]) -> list[dict[str, Any]]:
    """What each feature costs on top of all features off; `synced` on top of all on."""
    items = []
    for name, base in (
        ("deployments", "plain"),
        ("rules", "plain"),
        ("limits", "plain"),
        ("experiment", "plain"),
        ("signalbox", "plain"),
        ("synced", "signalbox"),
    ):
        ours, bare = subjects.get(name, {}).get("cpu_us"), subjects.get(base, {}).get("cpu_us")
        if ours is not None and bare is not None:
            items.append(
                {
                    "label": subjects[name]["label"],
                    "against": subjects[base]["label"],
                    "cpu_us": ours,
                    "more_us": round(ours - bare, 1),
                    "more_percent": round((ours / bare - 1) * 100, 1),
                }
            )
    return items


def _bars(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    subjects, ratios = comparison["subjects"], comparison["ratios"]
    ours, route = subjects.get("signalbox", {}), subjects.get("route", {})
    more = next((item["more_percent"] for item in comparison["items"] if item["label"] == ours.get("label")), None)
    one, two = (subjects.get(name, {}).get("requests_per_second") for name in ("one_worker", "two_workers"))
    in_flight = ours.get("hundred_in_flight")
    many = f"with {in_flight:.0f} in flight against a 50 ms upstream" if in_flight else "with 100 in flight"
    return [
        _bar("CPU per request, LiteLLM's over ours", ratios.get("litellm", {}).get("cpu_us"), 80, is_least=True),
        _bar("CPU per request, Portkey's over ours", ratios.get("portkey", {}).get("cpu_us"), 6, is_least=True),
        _bar("CPU per streamed chunk, µs", ours.get("cpu_chunk_us"), 60),
        _bar("route only, CPU per request, µs", route.get("cpu_us"), 100),
        _bar("added p50 at concurrency 1, ms", ours.get("alone_added_p50_ms"), 0.5),
        _bar(f"added p50 {many}, ms", ours.get("hundred_added_p50_ms"), 2.5),
        _bar(f"added p99 {many}, ms", ours.get("hundred_added_p99_ms"), 15),
        _bar("added time to first token, p50, ms", ours.get("first_token_added_p50_ms"), 1),
        _bar("delay of a chunk, median, ms", ours.get("chunk_added_p50_ms"), 1),
        _bar("features on over features off, % more CPU", more, 35),
        _bar("two workers over one, requests/s", _ratio(two, one), 1.7, is_least=True),
        _bar("open streams at once on one worker", ours.get("most_open_streams"), 2_000, is_least=True),
        _bar("memory of an open stream, KiB", ours.get("kib_per_open_stream"), 60),
    ]


def _bar(words: str, value: float | None, bar: float, *, is_least: bool = False) -> dict[str, Any]:
    return {
        "words": words,
        "value": value,
        "bar": f"{'≥' if is_least else '≤'} {bar:,}",
        "verdict": _verdict(value, bar, is_least),
    }


def _verdict(value: float | None, bar: float, is_least: bool) -> str:
    if value is None:
        return "not measured"
    return "pass" if (value >= bar if is_least else value <= bar) else "miss"


def _errors(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Every run that had errors: nothing is averaged away."""
    found = []
    for name, read in run["subjects"].items():
        loads = [(part, one) for made in read["rounds"] for part, one in made.items() if part != "streams"]
        loads += [(f"{n} streams", one) for made in read["rounds"] for n, one in made.get("streams", {}).items()]
        if "open_streams" in read:
            loads.append(("open streams", read["open_streams"]["load"]))
        for part, one in loads:
            if one["errors"]:
                kinds = {kind: count for kind, count in one["error_kinds"].items() if count}
                found.append(
                    {
                        "subject": name,
                        "part": part,
                        "planned": one["planned"],
                        "kinds": kinds,
                        "first": one["first_error"],
                    }
                )
    return found


def _has(one: dict[str, Any], part: str) -> bool:
    return part in one and one[part]["latency_us"] is not None


def _each(runs: Rounds, kind: str, percentile: str) -> list[float]:
    return [one[kind][percentile] for one in runs if one[kind] is not None]


def _difference_ms(ours: list[float], bare: list[float]) -> float | None:
    return round((median(ours) - median(bare)) / 1_000, 3) if ours and bare else None


def _milliseconds(us: float | None) -> float | None:
    return None if us is None else round(us / 1_000, 3)


def _middle(values: list[float]) -> float | None:
    return round(median(values), 1) if values else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return round(above / below, 2) if above and below else None
