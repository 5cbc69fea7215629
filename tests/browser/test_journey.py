"""The four daily uses in a real browser: sign in, add a rule, see its matches, publish, route, read the trace, see the chart, roll back."""

from __future__ import annotations

import json
import re
import time
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.process.product import QUICK_WORKSPACE, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PASSWORD = "correct horse battery"
PROMPT = "Tell me something about the zanzibar railway."
VISIBLE_MS = 2_500


def ask(product, prompt: str) -> tuple[str, str]:
    """(model, decision id) of one prompt through the gateway."""
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": prompt}]}).encode()
    request = urllib.request.Request(
        f"{product.url}/v1/chat/completions",
        body,
        {"Authorization": f"Bearer {product.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers["x-router-model"], answer.headers["x-router-decision-id"]


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with a_product(
        tmp_path_factory.mktemp("browser"), SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD
    ) as product:
        product.data_dir.mkdir()
        product.run_python(QUICK_WORKSPACE)
        product.start()
        for number in range(20):
            ask(product, f"{PROMPT if number < 5 else 'hello there'} {number}")
        yield product
        product.stop()


@pytest.fixture(scope="module")
def browser():
    with a_browser() as browser:
        yield browser


@pytest.fixture
def page(browser, product):
    context = browser.new_context(base_url=product.url, viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == [], "the browser's console must stay empty (content security policy, scripts)"


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("User name").or_(page.locator("input[name=username]")).first.fill("admin")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def add_rule(page: Page) -> None:
    page.get_by_role("link", name="Add a rule").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Zanzibar to Opus")
    page.get_by_label("Place", exact=True).select_option("0")
    page.get_by_label("What to look at").select_option("text")
    page.get_by_label("How to compare").select_option("contains")
    page.get_by_label("Value", exact=True).fill("zanzibar")
    expect(page.locator("#match-count")).to_contain_text(re.compile(r"\d+ (?:of|match).*unknown|\d+ of"), timeout=3_000)


def choose_pool(page: Page, reference: str) -> None:
    page.locator("[name='use.pool.add']").select_option(reference)
    expect(page.locator("[name='use.pool.0']")).to_have_value(reference)


def chart_total(page: Page) -> int:
    tile = page.locator("[data-tile='requests'], .tile").first.inner_text()
    return int(re.sub(r"\D", "", tile.split("\n")[1]))


def test_sign_in_edit_publish_route_trace_chart_roll_back(page, product):
    assert ask(product, PROMPT)[0] != "claude-opus-5-5"
    sign_in(page)
    page.goto("/policies/company/")
    page.get_by_role("button", name="Edit in a new draft").click()
    add_rule(page)
    choose_pool(page, "model:claude-opus-5-5")
    page.get_by_role("button", name="Save the rule").last.click()
    expect(page.get_by_role("heading", name="Zanzibar to Opus")).to_be_visible()
    page.get_by_role("link", name="Review and publish").click()
    page.get_by_label("Note").fill("Zanzibar goes to Opus")
    page.get_by_role("button", name="Publish as the next version").click()
    expect(page.get_by_text("Version 2").first).to_be_visible()
    time.sleep(2)

    model, decision_id = ask(product, PROMPT)
    assert model == "claude-opus-5-5"
    time.sleep(1.5)
    page.goto(f"/requests/{decision_id}/")
    expect(page.get_by_text("Zanzibar to Opus").first).to_be_visible()

    page.goto("/?range=1h")
    before = chart_total(page)
    ask(product, PROMPT)
    expect.set_options(timeout=VISIBLE_MS)
    expect(page.locator("[data-tile='requests'], .tile").first).to_contain_text(str(before + 1))
    expect.set_options(timeout=5_000)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()

    page.goto("/policies/company/versions/1/roll-back/")
    page.get_by_role("button", name=re.compile("Roll back")).click()
    expect(page.get_by_text("Version 3").first).to_be_visible()
    time.sleep(2)
    assert ask(product, PROMPT)[0] != "claude-opus-5-5"
