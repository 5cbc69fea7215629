"""Every page in a real browser, light and dark, wide and on a phone: nothing in the console, nothing foreign, nothing inaccessible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from dashboard.urls import urlpatterns
from tests.browser.addresses import NOT_PAGES, OF_AN_ACCOUNT, SIGN_IN, Address, every_page
from tests.browser.chromium import a_browser
from tests.browser.hostile import send_traffic, spoil
from tests.browser.looks import PAIRS, look_at, visit
from tests.browser.watch import PASSWORD, WIDTHS, Watch, sign_in
from tests.process.product import QUICK_WORKSPACE, Product, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]
# A part that fails by a busy machine is visited once more.
PARTS = 4
FACTS = {"draft": 1, "empty_draft": 1, "rule": "x", "key": "x", "answered": "x", "failed": "x", "hostile": "x"} | {
    "invitation": 1,
    "invitation_token": "x",
    "repricing": 1,
    "training": 1,
    "calibration": 1,
    "evaluation": 1,
    "end_user": 1,
    "incident": 1,
    "incident_over": 2,
    "alert_rule": "x",
    "alert_channel": "x",
}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory) -> Iterator[tuple[Product, list[Address]]]:
    with a_product(tmp_path_factory.mktemp("crawl"), SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD) as product:
        product.prepare(QUICK_WORKSPACE)
        facts = spoil(product)
        product.start()
        answered, failed, hostile = send_traffic(product, facts["full_key"])
        yield product, every_page({**facts, "answered": answered, "failed": failed, "hostile": hostile})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


def test_every_page_of_the_url_conf_is_visited_or_is_no_page():
    visited = {address.label for address in every_page(FACTS)}

    assert {str(pattern.name) for pattern in urlpatterns} - visited == NOT_PAGES | OF_AN_ACCOUNT | {SIGN_IN}


@pytest.mark.parametrize("part", range(PARTS))
def test_no_page_breaks_its_policy_leaves_this_machine_scrolls_sideways_or_is_inaccessible(browser, crawled, part):
    """Each wide and on a phone, light and dark, in two looks that differ in both."""
    product, addresses = crawled
    context = browser.new_context(base_url=product.url, viewport=WIDTHS["wide"], reduced_motion="reduce")
    watch = Watch(context, product.url)
    page = context.new_page()
    visit(page, Address("sign in", "/sign-in/"), watch)
    watch.check(page)
    watch.add_axe(page)
    sign_in(page)
    for number, address in enumerate(addresses[part::PARTS]):
        look_at(page, address, watch, PAIRS[number % 2], with_axe=True)
    context.close()

    assert not watch.problems, "\n" + "\n".join(watch.problems)
