"""Learned routing in a real browser, from graded prompts to a score that moves: imported, trained, promoted, aimed at,
published, judged, voted on, learned from."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import PASSWORD, WIDTHS, Watch, sign_in
from tests.patience import wait_until
from tests.process.product import QUICK_WORKSPACE, Product, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]
STRONG, CHEAP = "claude-opus-5-5", "claude-haiku-5-5"
COST_USD = {STRONG: 0.01, CHEAP: 0.001}
# Who is good at what: one prompt in two is code, the others ask for poems.
CHANCES = ({STRONG: 0.95, CHEAP: 0.3}, {STRONG: 0.45, CHEAP: 0.95})
KINDS = ("Write a Python function that sorts {0} and counts {1}", "Write a sad poem about {0} and {1} by the sea")
THINGS = ("apples", "lorries", "stones", "letters", "rivers", "candles", "horses", "chairs", "clouds", "keys")
PROMPTS = 240
# Few enough people to be no crowd of strangers within one hour, with enough votes each to be known.
USERS, POEMS = 6, 30


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("learning")
    with a_product(folder, SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD) as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        yield product


@pytest.fixture
def page(product: Product) -> Iterator[Page]:
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url, viewport=WIDTHS["wide"], reduced_motion="reduce")
        watch = Watch(context, product.url)
        yield context.new_page()
        context.close()
        assert watch.problems == []


def graded_prompts() -> bytes:
    random = np.random.Generator(np.random.PCG64(5))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("prompt", "category", "model", "quality", "cost_usd", "out_tokens"))
    for number in range(PROMPTS):
        prompt = KINDS[number % 2].format(THINGS[number % 10], THINGS[number * 3 % 7])
        for model, chance in CHANCES[number % 2].items():
            right = int(random.random() < chance)
            writer.writerow((f"{prompt}, {number}.", ("code", "poems")[number % 2], model, right, COST_USD[model], 40))
    return text.getvalue().encode()


def import_benchmark(page: Page) -> None:
    page.goto("/evaluation/")
    page.get_by_role("link", name="Import a benchmark").first.click()
    page.get_by_label("Name", exact=True).fill("Code and poems")
    expect(page.get_by_label("Slug")).to_have_value("code-and-poems")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "graded.csv", "mimeType": "text/csv", "buffer": graded_prompts()}
    )
    page.get_by_role("button", name="Import").click()
    page.get_by_role("link", name="Train a predictor on it").click()


def train(page: Page) -> None:
    """The pool stands there ready, under the catalogue's names; the progress is seen until the card is there."""
    for model in (STRONG, CHEAP):
        expect(page.get_by_label(f"Language model of {model}")).to_have_value(model)
    page.get_by_label("Name", exact=True).fill("ours")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("progressbar").or_(page.get_by_role("link", name="See its model card"))).to_be_visible()
    page.get_by_role("link", name="See its model card").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ours@1")


def promote(page: Page) -> None:
    expect(page.get_by_role("heading", name="Measured")).to_be_visible()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("heading", name="In force")).to_be_visible()


def aim(page: Page) -> None:
    """By the keyboard along the front, from its cheap end to its good one."""
    page.get_by_role("link", name="Cost and quality beside other routers").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    target, listed = page.get_by_role("slider"), page.locator("[name=point]")
    target.press("Home")
    expect(listed).to_have_value("0")
    target.press("ArrowRight")
    expect(listed).to_have_value("1")
    target.press("End")
    expect(listed).to_have_value(str(int(target.get_attribute("max") or 0)))
    page.get_by_label("Name", exact=True).fill("Learned")
    expect(page.get_by_label("Slug")).to_have_value("learned")
    page.get_by_role("button", name="Make a draft").click()


def publish(page: Page) -> None:
    page.get_by_role("link", name="Review and publish").click()
    page.get_by_label("Note").fill("The best of the front")
    page.get_by_role("button", name=re.compile("Publish")).click()
    expect(page.get_by_text("Version 1").first).to_be_visible()


def vote(page: Page, product: Product) -> None:
    """Two answers side by side in the playground, and which is better."""
    page.goto(f"/playground/?target=model:{STRONG}&compare=model:{CHEAP}&prompt=Write+a+poem+about+rain&stream=True")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="The second").click()
    expect(page.get_by_text("It counts from the next time")).to_be_visible()
    wait_until(lambda: count(product) == 1, "the vote is recorded")
    [[label, source]] = product.rows("SELECT label, source FROM feedback")
    assert label.startswith("better_than:") and source == "user:admin"


def client_of(product: Product) -> httpx.Client:
    headers = {"Authorization": f"Bearer {product.key}"}
    return httpx.Client(base_url=product.url, headers=headers, timeout=60, trust_env=False)


def ask(client: httpx.Client, prompt: str, user: str) -> tuple[str, str]:
    """(model, decision id)."""
    body = {"model": "policy/learned", "user": user, "messages": [{"role": "user", "content": prompt}]}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-router-model"], answer.headers["x-router-decision-id"]


def judge(client: httpx.Client, product: Product, decisions: list[str], rating: float) -> None:
    before = count(product)
    for decision in decisions:
        answer = client.post("/v1/feedback", json={"decision_id": decision, "rating": rating})
        assert answer.status_code in (200, 201, 202), answer.text
    wait_until(lambda: count(product) == before + len(decisions), "every judgement is recorded")


def count(product: Product) -> int:
    [[found]] = product.rows("SELECT count(*) FROM feedback")
    return int(found)


def learned(page: Page) -> tuple[float, float, float]:
    """Has the job run, and reads the cheap model's creativity: mean, low, high."""
    page.goto("/models/")
    page.get_by_role("button", name="Learn now").click()
    expect(page.get_by_text("learning now")).to_have_count(0)
    said = page.locator(f"#score-{CHEAP}-creativity").get_by_text(re.compile("^learned "))
    numbers = re.findall(r"\d\.\d\d", said.inner_text())
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def test_from_graded_prompts_to_a_score_that_moves(page: Page, product: Product) -> None:
    sign_in(page)
    import_benchmark(page)
    train(page)
    promote(page)
    aim(page)
    publish(page)
    product.wait_until_live()
    vote(page, product)
    page.goto("/models/")
    expect(page.get_by_text("Nothing learned yet")).to_be_visible()

    with client_of(product) as client:
        assert ask(client, KINDS[0].format("birds", "trains"), "user-0")[0] == STRONG
        asked = [ask(client, KINDS[1].format(f"bird {n}", "rain"), f"user-{n % USERS}") for n in range(POEMS)]
        poems = [decision for model, decision in asked if model == CHEAP]
        assert len(poems) > 0.8 * POEMS
        product.wait_until_recorded(decision for _, decision in asked)
        judge(client, product, poems, 1.0)
        mean, low, high = learned(page)
        assert low < mean <= high and mean > 0.8

        # Half of what each of them was given, so that nobody is at odds with the others.
        judge(client, product, poems[: len(poems) // 2], 0.0)
        moved, lower, upper = learned(page)
    assert moved < mean - 0.2 and 0 < lower < low and upper < high
    page.get_by_role("link", name="Claude Haiku 5.5").first.click()
    row = page.get_by_role("row", name=re.compile("^Creativity"))
    expect(row).to_contain_text(f"{moved:.2f}")
    expect(row).to_contain_text(f"{len(poems)} ratings")
