"""/metrics of an installation with several gateway processes: whichever is asked gives the samples of all, each labelled `worker`.

Each counts for itself from its start, so every series only grows until its process is replaced, as Prometheus expects; a sum over processes would
fall whenever one ends. Asked at the moment of the scrape: nothing is written or read while requests are answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from routerapp.gateway.exposition import OPEN_METRICS, PLAIN
from routerapp.gateway.metrics import write_metrics
from routerapp.serving.runtime import Runtime

QUESTION, OPEN = "metrics", "open"
END = "# EOF"
# What the whole installation has once, whoever looks.
ONCE = frozenset(
    {
        "signalbox_build_info",
        "signalbox_spool_waiting_bytes",
        "signalbox_spool_lag_seconds",
        "signalbox_alert_incidents_open",
    }
)
UP = "signalbox_worker_up"
LEAVING = "-leaving"


def exposition_for_sibling(runtime: Runtime, detail: str) -> bytes:
    return write_metrics(runtime, is_open_metrics=detail == OPEN).text()


async def expose(runtime: Runtime, *, is_open_metrics: bool) -> tuple[bytes, bytes]:
    """(text, content type). A sibling that does not answer in a second is left out, and its signalbox_worker_up is 0."""
    own = write_metrics(runtime, is_open_metrics=is_open_metrics).text()
    kind = OPEN_METRICS if is_open_metrics else PLAIN
    place = runtime.place
    if runtime.siblings is None or place is None or place.workers == 1:
        return own, kind
    said = await runtime.siblings.ask(QUESTION, OPEN if is_open_metrics else "")
    texts = {place.name: own} | {name: text for name, text in said.items() if text is not None}
    labelled = [(label, texts[name]) for name, label in _labels(texts).items()]
    missing = {str(slot) for slot in range(place.workers)} - {label for label, _ in labelled}
    return merge(labelled, sorted(missing, key=int)), kind


def merge(texts: Iterable[tuple[str, bytes]], missing: Iterable[str] = ()) -> bytes:
    """Family by family, as the format asks for; (label, text) of each process in, one text out. The first one's families come first."""
    headers: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    is_open = False
    for label, text in texts:
        for family, line in _lines(text.decode()):
            if line == END:
                is_open = True
            elif line.startswith("#"):
                known = headers.setdefault(family, [])
                known += [line] if line not in known else []
            elif family not in ONCE:
                samples.setdefault(family, []).append(_with_worker(line, label))
            elif family not in samples:
                samples[family] = [line]
    samples.setdefault(UP, []).extend(f'{UP}{{worker="{label}"}} 0' for label in missing)
    lines = [line for family, known in headers.items() for line in (*known, *samples.get(family, ()))]
    return ("\n".join([*lines, *([END] if is_open else [])]) + "\n").encode()


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """(family, line). A sample belongs to the family whose head came last."""
    family = ""
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            family = line.split(" ", 3)[2]
        yield family, line


def _with_worker(line: str, label: str) -> str:
    name, brace, rest = line.partition("{")
    if brace and " " not in name:
        return f'{name}{{worker="{label}",{rest}'
    name, _, value = line.partition(" ")
    return f'{name}{{worker="{label}"}} {value}'


def _labels(names: Iterable[str]) -> dict[str, str]:
    """`<slot>-<generation>` -> label: the newest generation of a slot is its number, one that still leaves says so."""
    newest: dict[str, str] = {}
    ordered = sorted(names, key=lambda name: tuple(map(int, name.split("-"))))
    for name in ordered:
        newest[name.partition("-")[0]] = name
    return {
        name: slot if newest[slot] == name else slot + LEAVING for name in ordered for slot in [name.partition("-")[0]]
    }
