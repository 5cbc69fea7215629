"""The policy editor without a mouse: add a rule, move it, publish. Focus is always seen and never lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import PASSWORD, Watch, sign_in
from tests.process.product import QUICK_WORKSPACE, Product, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]
MOST_TABS = 90
# What the focused element is called, and whether its focus can be seen.
FOCUSED = """() => {
  const one = document.activeElement;
  const words = [one.getAttribute("aria-label"), one.labels?.[0]?.textContent, one.textContent].find((text) => text?.trim()) ?? "";
  const style = getComputedStyle(one);
  return [words.trim().replace(/\\s+/g, " "), one === document.body ? "lost" : style.outlineStyle === "none" ? "unseen" : "seen"];
}"""


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Iterator[Product]:
    with a_product(tmp_path_factory.mktemp("keys"), SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD) as product:
        product.data_dir.mkdir()
        product.run_python(QUICK_WORKSPACE)
        product.start()
        yield product
        product.stop()


def tab_to(page: Page, name: str) -> None:
    """On to the next element of that name."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        words, state = page.evaluate(FOCUSED)
        assert state != "unseen", f"the focus on “{words}” cannot be seen"
        if words.startswith(name):
            return
        passed.append(words[:30])
    raise AssertionError(f"“{name}” cannot be reached; passed {passed}")


def focused(page: Page) -> str:
    return str(page.evaluate(FOCUSED)[0])


def rule_names(page: Page) -> list[str]:
    return [words.strip() for words in page.locator("[data-rule] .rule-title, [data-rule] h3").all_inner_texts()]


def add_rule(page: Page) -> None:
    tab_to(page, "Add a rule")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New rule", level=1)).to_be_visible()
    tab_to(page, "Name")
    page.keyboard.type("Night trains")
    tab_to(page, "What to look at")
    page.keyboard.type("last user")
    expect(page.get_by_label("How to compare")).to_be_visible()
    expect(page.get_by_label("What to look at")).to_have_value("text")
    page.wait_for_timeout(1_000)
    assert focused(page).startswith("What to look at"), "a changed list keeps its focus"
    assert page.get_by_label("What to look at").input_value() == "text", "typing on is not cut by the redrawing"
    tab_to(page, "Value")
    page.keyboard.type("night train")
    tab_to(page, "Save the rule")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Night trains")).to_be_visible()


def test_a_rule_is_added_moved_and_published_without_a_mouse(product):
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
        watch = Watch(context, product.url)
        page = context.new_page()
        sign_in(page)
        page.goto("/policies/company/")
        tab_to(page, "Skip to content")
        page.keyboard.press("Enter")
        tab_to(page, "Edit in a new draft")
        page.keyboard.press("Enter")
        expect(page.locator("[data-rules]")).to_be_visible()
        add_rule(page)
        assert rule_names(page)[-1] == "Night trains"

        tab_to(page, "Move “Night trains” up")
        for _ in range(2):
            page.keyboard.press("Enter")
            page.wait_for_timeout(600)
            assert focused(page).startswith("Move “Night trains” up"), focused(page)
        page.keyboard.press("Alt+ArrowDown")
        page.wait_for_timeout(600)
        assert "Night trains" in focused(page)
        assert rule_names(page)[-2] == "Night trains"

        tab_to(page, "Review and publish")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Publish", exact=True)).to_be_visible()
        tab_to(page, "Note")
        page.keyboard.type("Night trains, by keyboard")
        tab_to(page, "Publish as the next version")
        page.keyboard.press("Space")
        expect(page.get_by_text("Night trains, by keyboard").first).to_be_visible()
        context.close()
    assert not watch.problems, "\n" + "\n".join(watch.problems)


def type_in_palette(page: Page, words: str, result: str) -> None:
    """Opens it, types, and waits until the first result is the one meant."""
    page.wait_for_load_state()  # Scripts listen from then on.
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search pages")).to_be_focused()
    page.keyboard.type(words)
    first = page.locator("#palette [role=option][aria-selected=true]")
    expect(first).to_contain_text(result)
    assert page.locator("#palette-query").get_attribute("aria-activedescendant") == first.get_attribute("id")


def test_the_palette_leads_to_a_policy_that_is_edited_and_published_without_a_mouse(product):
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
        watch = Watch(context, product.url)
        page = context.new_page()
        sign_in(page)
        page.wait_for_load_state()
        page.keyboard.press("g")
        page.keyboard.press("k")
        expect(page.get_by_role("heading", name="Keys and budgets", level=1)).to_be_visible()
        page.wait_for_load_state()
        page.keyboard.press("Control+k")
        expect(page.locator("#palette")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#palette")).to_be_hidden()
        type_in_palette(page, "policies", "Policies")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Policies", level=1)).to_be_visible()
        type_in_palette(page, "customer sup", "Customer support")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Customer support", level=1)).to_be_visible()

        tab_to(page, "Edit in a new draft")
        page.keyboard.press("Enter")
        expect(page.locator("[data-rules]")).to_be_visible()
        add_rule(page)
        type_in_palette(page, "publish customer", "Publish Customer support")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Publish", exact=True)).to_be_visible()
        tab_to(page, "Note")
        page.keyboard.type("gk? by palette")
        tab_to(page, "Publish as the next version")
        page.keyboard.press("Space")
        expect(page.get_by_text("gk? by palette").first).to_be_visible()
        context.close()
    assert not watch.problems, "\n" + "\n".join(watch.problems)
