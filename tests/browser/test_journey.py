"""The four daily uses in a real browser: sign in, add a rule, see its matches, publish, route, read the trace, see the chart, roll back."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.process.product import QUICK_WORKSPACE, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]

PASSWORD = "correct horse battery"
PROMPT = "Tell me something about the zanzibar railway."
VISIBLE_MS = 2_500
# A machine that does something else just then must not fail it.
TRIES = 3
TILE = "[data-tile='requests'], .tile"


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


@pytest.fixture
def product(tmp_path_factory):
    with a_product(
        tmp_path_factory.mktemp("browser"), SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD
    ) as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        product.wait_until_recorded(
            [ask(product, f"{PROMPT if number < 5 else 'hello there'} {number}")[1] for number in range(20)]
        )
        yield product


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
    expect(page.locator("#match-count")).to_contain_text(re.compile(r"\d+ (?:of|match).*unknown|\d+ of"))


def choose_pool(page: Page, reference: str) -> None:
    page.locator("[name='use.pool.add']").select_option(reference)
    expect(page.locator("[name='use.pool.0']")).to_have_value(reference)


def chart_total(page: Page) -> int:
    return int(re.sub(r"\D", "", page.locator(TILE).first.inner_text().split("\n")[1]))


def is_soon_seen(page: Page, product) -> bool:
    """One request more, in the open page by itself."""
    expected = chart_total(page) + 1
    decision_id = ask(product, PROMPT)[1]
    try:
        expect(page.locator(TILE).first).to_contain_text(str(expected), timeout=VISIBLE_MS)
    except AssertionError:
        product.wait_until_recorded([decision_id])
        page.reload()
        expect(page.locator(TILE).first).to_contain_text(str(expected))
        return False
    return True


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
    product.wait_until_live()

    model, decision_id = ask(product, PROMPT)
    assert model == "claude-opus-5-5"
    product.wait_until_recorded([decision_id])
    page.goto(f"/requests/{decision_id}/")
    expect(page.get_by_text("Zanzibar to Opus").first).to_be_visible()

    page.goto("/?range=1h")
    assert any(is_soon_seen(page, product) for _ in range(TRIES)), f"no request was seen within {VISIBLE_MS} ms"
    expect(page.locator(".js-plotly-plot").first).to_be_visible()

    page.goto("/policies/company/versions/1/roll-back/")
    page.get_by_role("button", name=re.compile("Roll back")).click()
    expect(page.get_by_text("Version 3").first).to_be_visible()
    product.wait_until_live()
    assert ask(product, PROMPT)[0] != "claude-opus-5-5"
