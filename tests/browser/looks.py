"""A page in its looks: wide and on a phone, light and dark, as turning a device or changing the theme brings them about."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Page

from tests.browser.addresses import Address
from tests.browser.watch import SETTLED, WIDTHS, Watch

# Looks that differ in both width and theme: two of them show all there is to a page.
PAIRS = ((("wide", "light"), ("phone", "dark")), (("phone", "light"), ("wide", "dark")))


def visit(page: Page, address: Address, watch: Watch) -> None:
    watch.place = address.label
    response = page.goto(address.path)
    if response is None or response.status != address.status:
        watch.add(f"answered {response.status if response else 'nothing'}, not {address.status}")
    if address.arrive is not None:
        address.arrive(page)


def look_at(
    page: Page, address: Address, watch: Watch, looks: Sequence[tuple[str, str]], with_axe: bool = False
) -> None:
    """Loaded in the first look, then brought into the others as turning a device or changing the theme does."""
    for place, (width, theme) in enumerate(looks):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(WIDTHS[width])
        if place == 0:
            visit(page, address, watch)
        _look(page, address, watch, width, theme)
        if with_axe:
            watch.add_axe(page, is_seen_before=place > 0)


def _look(page: Page, address: Address, watch: Watch, width: str, theme: str) -> None:
    page.evaluate(SETTLED)
    watch.place = f"{address.label}, {width}, {theme}"
    watch.check(page)
