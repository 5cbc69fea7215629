"""The overview's headline numbers, each with what it rests on. Unknown is said, never zero."""

from dataclasses import dataclass, replace

from dashboard.templatetags.numbers import count, duration, money, plural, share
from routerapp.store.reports import OverviewReport, Totals
from routerapp.store.sketches import Percentiles


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    figure: str
    note: str
    second: str = ""
    is_known: bool = True
    url: str = ""


def overview_tiles(report: OverviewReport, rows_url: str) -> list[Tile]:
    """rows_url: the list of the very requests that are counted."""
    totals = report.totals
    found = [
        replace(_requests(totals), url=rows_url),
        replace(_cost(totals), url=f"{rows_url}&sort=dearest"),
        _saved(totals),
        _success(totals),
        _percentiles("Latency, median", totals.latency),
        _percentiles("Time to first token, median", totals.ttft),
    ]
    if totals.cache_hit_n:
        found.append(replace(_cache(totals), url=f"{rows_url}&cache=hit"))
    if totals.moved_n:
        found.append(_moved(totals))
    return found


def _requests(totals: Totals) -> Tile:
    tokens = f"{count(totals.input_tokens)} tokens in, {count(totals.output_tokens)} out"
    return Tile("Requests", count(totals.requests), tokens)


def _cost(totals: Totals) -> Tile:
    priced = totals.requests - totals.unpriced_n
    if totals.requests and not priced:
        return Tile("Cost", "unknown", f"all {count(totals.requests)} requests unpriced", is_known=False)
    notes = [f"{count(totals.unpriced_n)} unpriced, not counted"] if totals.unpriced_n else []
    notes += [f"{count(totals.estimated_n)} with estimated usage"] if totals.estimated_n else []
    return Tile("Cost", money(totals.cost_nusd), "; ".join(notes) or f"over {plural(priced, 'request,requests')}")


def _saved(totals: Totals) -> Tile:
    if not totals.baseline_n:
        return Tile("Saved against baseline", "unknown", "no request with a priced alternative", is_known=False)
    note = f"{share(totals.saved_share)} of the dearest eligible, over {count(totals.baseline_n)}"
    return Tile("Saved against baseline", money(totals.saved_nusd), note)


def _cache(totals: Totals) -> Tile:
    """Beside the savings against the baseline: a hit has no baseline."""
    part = share(totals.cache_hit_n / totals.requests) if totals.requests else ""
    return Tile("Saved by the cache", money(totals.cache_saved_nusd), f"{count(totals.cache_hit_n)} hits, {part}")


def _moved(totals: Totals) -> Tile:
    note = f"{plural(totals.moved_n, 'unit,units')} changed deployment"
    return Tile("Prompt cache left behind", f"{count(totals.lost_cache_tokens)} tokens", note)


def _success(totals: Totals) -> Tile:
    success = totals.success
    if not success.judged:
        return Tile("Success", "unknown", "nothing was judged", is_known=False)
    unjudged = totals.requests - success.judged
    note = f"{count(success.ok)} of {count(success.judged)}" + (
        f"; {count(unjudged)} refused or cancelled not counted" if unjudged else ""
    )
    return Tile("Success", share(success.share), note)


def _percentiles(label: str, found: Percentiles) -> Tile:
    if not found.samples:
        return Tile(label, "unknown", "0 samples", is_known=False)
    return Tile(
        label, duration(found.p50_ms), plural(found.samples, "sample,samples"), second=f"p95 {duration(found.p95_ms)}"
    )
