"""Numbers as people read them. Unknown is said, never shown as zero; money keeps its digits where they are asked for."""

import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import template

from routerapp.engine.money import NUSD_PER_USD, format_usd

register = template.Library()
UNKNOWN = "unknown"
NUSD_PLACES = 9
CENTS = 2


@register.filter
def money(nusd: int | None) -> str:
    """At a glance: cents from a dollar up, else three digits that count. $1.23, $0.50, $0.00410."""
    if nusd is None:
        return UNKNOWN
    sign, amount = ("−" if nusd < 0 else ""), abs(Decimal(nusd)) / NUSD_PER_USD
    if amount == 0:
        return "$0.00"
    if amount >= 1:
        return f"{sign}${amount.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,}"
    places = min(NUSD_PLACES, max(CENTS, 2 - amount.adjusted()))
    text = f"{amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):f}"
    return f"{sign}${text.removesuffix('0') if places == CENTS + 1 else text}"


@register.filter
def exact_money(nusd: int | None) -> str:
    """Every digit there is."""
    return UNKNOWN if nusd is None else f"${format_usd(nusd)}" if nusd >= 0 else f"−${format_usd(-nusd)}"


@register.filter
def count(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


@register.filter
def duration(ms: float | None) -> str:
    """420 ms, 4.2 s, 2 min 5 s."""
    if ms is None:
        return UNKNOWN
    if ms < 1_000:
        return f"{round(ms)} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.2f} s" if ms < 10_000 else f"{ms / 1_000:.1f} s"
    minutes, seconds = divmod(round(ms / 1_000), 60)
    return f"{minutes} min {seconds} s"


@register.filter
def short_duration(us: int | None) -> str:
    """Microseconds below a millisecond, else as every duration."""
    return UNKNOWN if us is None else f"{us:,} µs" if us < 1_000 else duration(us / 1_000)


@register.filter
def share(fraction: float | None) -> str:
    """93.2 %. All and nothing are said only when they are true: 0.99999 is 99.99 %."""
    if fraction is None:
        return UNKNOWN
    percent = Decimal(str(fraction)) * 100
    if percent in (0, 100):
        return f"{percent:.0f} %"
    shown = min(Decimal("99.99"), percent) if percent > Decimal("99.9") else percent
    return f"{shown:.2f} %" if shown > 99 or shown < 1 else f"{shown:.1f} %"


@register.filter
def moment(ms: int | None) -> str:
    """UTC, to the second."""
    return UNKNOWN if ms is None else f"{instant(ms):%Y-%m-%d %H:%M:%S}"


@register.filter
def day_time(ms: int) -> str:
    return f"{instant(ms):%b %d, %H:%M:%S}"


@register.filter
def day_hour(ms: int) -> str:
    """The hour something was in."""
    return f"{instant(ms):%b %d, %H} h"


@register.filter
def iso(ms: int) -> str:
    return instant(ms).isoformat().replace("+00:00", "Z")


@register.filter
def per_million(nusd_per_mtok: int | None) -> str:
    """A price as it is written: $2.50."""
    return exact_money(nusd_per_mtok)


@register.filter
def decimals(number: float | None) -> str:
    """A score or a term: three places."""
    return UNKNOWN if number is None else f"{number:.3f}"


@register.filter
def plural(number: int, words: str) -> str:
    """{{ 2|plural:"attempt,attempts" }} → 2 attempts."""
    one, many = words.split(",")
    return f"{number:,} {one if number == 1 else many}"


def instant(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1_000, dt.UTC)


def plain(value: Any) -> str:
    """A value of a trace, in one line."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    return str(value)
