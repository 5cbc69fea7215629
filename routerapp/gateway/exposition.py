"""Writes metric families as text: Prometheus' format 0.0.4, or OpenMetrics 1.0 where the scraper asks for it. Knows no metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from routerapp.serving.tally import Histogram

PLAIN = b"text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
Sample = tuple[Mapping[str, str], int | float | str]
_TOTAL = "_total"


class Exposition:
    """A number given as text stands there as it is: money is printed from integers, never through a float."""

    def __init__(self, *, is_open_metrics: bool = False) -> None:
        self._is_open = is_open_metrics
        self._lines: list[str] = []

    @property
    def content_type(self) -> bytes:
        return OPEN_METRICS if self._is_open else PLAIN

    def counter(self, name: str, about: str, samples: Iterable[Sample]) -> None:
        self._family(name, "counter", about)
        self._samples(name, samples)

    def gauge(self, name: str, about: str, samples: Iterable[Sample]) -> None:
        self._family(name, "gauge", about)
        self._samples(name, samples)

    def histogram(
        self, name: str, about: str, rows: Iterable[tuple[Mapping[str, str], Histogram]], divisor: int
    ) -> None:
        """divisor: counted units in one printed unit, such as 1,000 for milliseconds shown as seconds."""
        self._family(name, "histogram", about)
        for labels, histogram in rows:
            running = 0
            for bound, n in zip(histogram.bounds, histogram.counts, strict=False):
                running += n
                self._line(f"{name}_bucket", {**labels, "le": repr(bound / divisor)}, running)
            running += histogram.counts[-1]
            self._line(f"{name}_bucket", {**labels, "le": "+Inf"}, running)
            self._line(f"{name}_sum", labels, f"{histogram.total / divisor:.6f}")
            self._line(f"{name}_count", labels, running)

    def text(self) -> bytes:
        end = ["# EOF"] if self._is_open else []
        return ("\n".join(self._lines + end) + "\n").encode()

    def _family(self, name: str, kind: str, about: str) -> None:
        # OpenMetrics names the family of a counter without the suffix of its sample.
        family = name.removesuffix(_TOTAL) if self._is_open and kind == "counter" else name
        self._lines.append(f"# HELP {family} {about}")
        self._lines.append(f"# TYPE {family} {kind}")

    def _samples(self, name: str, samples: Iterable[Sample]) -> None:
        for labels, value in samples:
            self._line(name, labels, value)

    def _line(self, name: str, labels: Mapping[str, str], value: float | str) -> None:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        self._lines.append(f"{name}{{{inner}}} {value}" if inner else f"{name} {value}")


def wants_open_metrics(accept: str) -> bool:
    return "application/openmetrics-text" in accept


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
