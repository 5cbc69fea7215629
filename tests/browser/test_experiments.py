"""An experiment from the form to the decision, in a real browser over the whole product: drawn by user, counted per arm, stopped, written down."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import PASSWORD, WIDTHS, Watch
from tests.process.product import QUICK_WORKSPACE, Product, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]
# Of twelve, one arm stays without anybody once in two thousand runs.
USERS = 12
ASKED_EACH = 2


@pytest.fixture
def product(tmp_path_factory):
    with a_product(
        tmp_path_factory.mktemp("experiments"), SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD
    ) as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        yield product


@pytest.fixture
def page(product):
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url, viewport=WIDTHS["wide"], reduced_motion="reduce")
        watch = Watch(context, product.url)
        yield context.new_page()
        context.close()
        assert watch.problems == []


def ask(product: Product, user: str) -> tuple[str, str]:
    """(model, decision id) of one request of this user under the default policy."""
    body = {
        "model": "policy/cheaper-code",
        "user": user,
        "messages": [{"role": "user", "content": "What is the weather?"}],
    }
    headers = {"Authorization": f"Bearer {product.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{product.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["x-router-model"], answer.headers["x-router-decision-id"]


def sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "sign-in" not in address)


def fill_the_form(page: Page) -> None:
    page.goto("/policies/cheaper-code/")
    page.get_by_role("link", name="Experiment", exact=True).last.click()
    page.get_by_label("Name", exact=True).first.fill("Opus for everyone?")
    expect(page.get_by_label("Slug")).to_have_value("opus-for-everyone")
    page.get_by_label("Hypothesis").fill("Dearer, but people are happier.")
    # Choosing a rule brings the form anew; what is typed before it is there would be typed into the old one.
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_label("Rule", exact=True).select_option("default")
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    page.get_by_label("Weight", exact=True).first.fill("40")
    expect(page.locator("[data-share]").first).to_have_text("= 44.4 %")
    page.get_by_label("Weight", exact=True).first.fill("50")
    page.get_by_role("button", name="Take tag:fast out").click()
    expect(page.locator("[name='arms.1.use.pool.0']")).to_have_count(0)
    page.locator("[name='arms.1.use.pool.add']").select_option("model:claude-opus-5-5")
    expect(page.locator("[name='arms.1.use.pool.0']")).to_have_value("model:claude-opus-5-5")
    expect(page.get_by_label("Slug")).to_have_value("opus-for-everyone")


def test_create_start_count_stop_and_decide(page, product):
    sign_in(page)
    fill_the_form(page)
    page.get_by_role("button", name="Make the experiment").last.click()
    expect(page.get_by_role("heading", name="Opus for everyone?")).to_be_visible()
    expect(page.get_by_text("not started", exact=True)).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Nobody was drawn yet")).to_be_visible()
    product.wait_until_live()

    asked = [ask(product, f"user-{user}") for user in range(USERS) for _ in range(ASKED_EACH)]
    assert "claude-opus-5-5" in {model for model, _ in asked}
    product.wait_until_recorded(decision_id for _, decision_id in asked)
    page.reload()
    rows = page.get_by_role("region", name="Arms compared", exact=True).get_by_role("row")
    expect(rows).to_have_count(3)
    counts = [int(re.findall(r"(\d+) users?", rows.nth(place).inner_text())[0]) for place in (1, 2)]
    assert sum(counts) == USERS and min(counts) > 0
    assert f"{counts[0] * ASKED_EACH} assigned" in rows.nth(1).inner_text()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()

    page.get_by_label("treatment", exact=True).check()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("stopped", exact=True)).to_be_visible()
    page.get_by_label("We go on with").select_option("treatment")
    page.get_by_label("Why").fill("Everybody was happier.")
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator(".decision-note")).to_have_text("Everybody was happier.")
    expect(page.get_by_role("link", name="Version 3: stopped")).to_be_visible()
    product.wait_until_live()
    assert "claude-opus-5-5" in {ask(product, f"later-{number}")[0] for number in range(4)}
