"""Whether anything was recorded since a page was drawn, asked every second by live panels: two tiny queries."""

from dashboard import ranges
from routerapp.models import RoutedRequest, SpoolOffset


def marker() -> str:
    """Changes when the drainer has written, and once a minute because open ranges move.

    Offsets tell of late outcomes of old requests; the newest request tells of a worker whose spool is already gone.
    """
    offsets = SpoolOffset.objects.values_list("segment", "offset")
    ingested = sum((segment << 40) + offset for segment, offset in offsets)
    newest = RoutedRequest.objects.order_by("-at_ms", "-id").values_list("id", flat=True).first()
    return f"{ranges.now_ms() // 60_000:x}.{ingested:x}.{newest or ''}"
