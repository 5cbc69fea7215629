"""Whether anything was recorded since a page was drawn, asked every two seconds by live panels: one tiny query."""

from dashboard import ranges
from routerapp.models import SpoolOffset


def marker() -> str:
    """Changes with every transaction of the drainer, and once a minute because open ranges move."""
    offsets = SpoolOffset.objects.order_by("spool").values_list("segment", "offset")
    ingested = sum((segment << 40) + offset for segment, offset in offsets)
    return f"{ranges.now_ms() // 60_000:x}-{ingested:x}"
