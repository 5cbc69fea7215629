"""The policy editor without a mouse: add a rule, move it, publish. Focus is always seen and never lost."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import PASSWORD, Watch, sign_in
from tests.patience import wait_until
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

# Four answers that wait for a person's mark.
QUEUE = """
from routerapp.models import Calibration
row = Calibration.objects.create(name="Calibration", state="grading", source="file", grading="people", deployments=["a", "b"],
    wanted=20, max_output_tokens=100, coverage={"offered": 2, "chosen": 2, "clusters": 1})
for number in (1, 2):
    prompt = row.prompts.create(number=number, text=f"Question {number}")
    for place, name in enumerate(("a", "b")):
        prompt.answers.create(deployment=name, language_model=name, state="answered", text=f"Answer {number}{name}", place=2 * number + place)
print(row.pk)
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Iterator[Product]:
    with a_product(tmp_path_factory.mktemp("keys"), SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD) as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        yield product


@pytest.fixture
def rule() -> str:
    """A name that no other test and no earlier run of this one has used."""
    return f"Night trains {secrets.token_hex(3)}"


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


def wait_for_place(page: Page, rule: str, place: int) -> None:
    """Until the moved rule stands there and has the focus again."""
    wait_until(lambda: rule_names(page)[place] == rule, f"{rule} stands at {place}")
    wait_until(lambda: rule in focused(page), f"{rule} has the focus")


def add_rule(page: Page, rule: str) -> None:
    tab_to(page, "Add a rule")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New rule", level=1)).to_be_visible()
    tab_to(page, "Name")
    page.keyboard.type(rule)
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
    expect(page.get_by_role("heading", name=rule)).to_be_visible()


def test_a_rule_is_added_moved_and_published_without_a_mouse(product, rule):
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
        add_rule(page, rule)
        assert rule_names(page)[-1] == rule

        tab_to(page, f"Move “{rule}” up")
        for place in (-2, -3):
            page.keyboard.press("Enter")
            wait_for_place(page, rule, place)
            assert focused(page).startswith(f"Move “{rule}” up"), focused(page)
        page.keyboard.press("Alt+ArrowDown")
        wait_for_place(page, rule, -2)

        tab_to(page, "Review and publish")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Publish", exact=True)).to_be_visible()
        tab_to(page, "Note")
        page.keyboard.type(f"{rule}, by keyboard")
        tab_to(page, "Publish as the next version")
        page.keyboard.press("Space")
        expect(page.get_by_text(f"{rule}, by keyboard").first).to_be_visible()
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


def test_the_palette_leads_to_a_policy_that_is_edited_and_published_without_a_mouse(product, rule):
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
        add_rule(page, rule)
        type_in_palette(page, "publish customer", "Publish Customer support")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Publish", exact=True)).to_be_visible()
        tab_to(page, "Note")
        page.keyboard.type(f"gk? {rule} by palette")
        tab_to(page, "Publish as the next version")
        page.keyboard.press("Space")
        expect(page.get_by_text(f"gk? {rule} by palette").first).to_be_visible()
        context.close()
    assert not watch.problems, "\n" + "\n".join(watch.problems)


def test_answers_are_marked_by_the_keys_one_to_five_and_s_skips(product):
    number = int(product.run_python(QUEUE))
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url, viewport={"width": 1440, "height": 900})
        watch = Watch(context, product.url)
        page = context.new_page()
        sign_in(page)
        page.goto(f"/evaluation/calibrations/{number}/grade/")
        page.wait_for_load_state()
        for key, shown, done in (
            ("4", "Answer 1a", "1 of 4"),
            ("s", "Answer 1b", "2 of 4"),
            ("9", "Answer 2a", "2 of 4"),
        ):
            expect(page.locator("#grade")).to_contain_text(shown)
            page.keyboard.press(key)
            expect(page.locator("#grade")).to_contain_text(done)
        tab_to(page, "1 useless")
        page.keyboard.press("Enter")
        expect(page.locator("#grade")).to_contain_text("Answer 2b")
        wait_until(lambda: focused(page).startswith("1 useless"), "the focus stays where it was")
        page.keyboard.press("5")
        expect(page.locator("#grade")).to_contain_text("Nothing is left to grade")
        context.close()
    assert not watch.problems, "\n" + "\n".join(watch.problems)
    where = "SELECT grade FROM routerapp_calibrationanswer ORDER BY place"
    assert [grade for (grade,) in product.rows(where)] == [0.75, None, 0.0, 1.0]
