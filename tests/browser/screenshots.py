"""The pictures of the documentation: what is shown in each, in which theme and width. Taken by tour.py; publishes nothing but a key.

Each function leaves the page as it shall be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PROMPT = (
    "Prove that the sum of two odd numbers is even, then write a Python function that checks it for all pairs below n."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """shows: brings the page there. A picture has the size of the window, not of the page."""

    name: str
    shows: Callable[[Page], None]
    theme: str = "light"
    is_phone: bool = False


def at(path: str, heading: str = "") -> Callable[[Page], None]:
    """A page as it opens."""

    def show(page: Page) -> None:
        page.goto(path)
        expect(page.get_by_role("heading", name=heading, level=1).first).to_be_visible()

    return show


def overview(page: Page) -> None:
    page.goto("/?range=30d")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def request_list(page: Page) -> None:
    page.goto("/requests/?sort=dearest")
    expect(page.locator("tbody tr").first).to_be_visible()


def trace(page: Page) -> None:
    """An answered request that a rule sent to the best balanced candidate."""
    page.goto("/requests/?status=ok")
    scored = page.locator("tbody tr", has_text="balanced")
    by_rule = scored.filter(has_not_text="default")
    (by_rule if by_rule.count() else scored).first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Candidates")).to_be_visible()


def why_not(page: Page) -> None:
    """Asked beside a candidate, answered below it."""
    trace(page)
    link = page.get_by_role("link", name="Why not").first
    link.click()
    answer = page.locator(str(link.get_attribute("hx-target")))
    expect(answer).to_contain_text("Why not")
    answer.evaluate("(one) => one.scrollIntoView({block: 'center'})")


def policy(page: Page) -> None:
    page.goto("/policies/")
    page.locator("main tbody th a").first.click()
    expect(page.get_by_role("region", name="Drafts")).to_be_visible()


def editor(page: Page) -> None:
    policy(page)
    drafts = page.get_by_role("region", name="Drafts").get_by_role("link")
    if drafts.count():
        drafts.first.click()
    else:
        page.get_by_role("button", name="Edit in a new draft").click()
        expect(page.locator("[data-toast]")).to_have_count(0)
    expect(page.locator("[data-rules]")).to_be_visible()


def rule(page: Page) -> None:
    editor(page)
    page.locator("[data-rule]").first.get_by_role("link", name="Edit").first.click()
    expect(page.locator("#match-count")).to_contain_text("of")


def playground(page: Page) -> None:
    page.goto("/playground/")
    page.locator("[name=prompt]").fill(PROMPT)
    page.locator("[name=compare]").select_option("policy:support")
    page.locator("[data-routes]").click()
    expect(page.locator(".play-columns > *")).to_have_count(2)


def model(page: Page) -> None:
    """Its health over thirty days, prices and outage included."""
    page.goto("/models/claude-opus-5-5/?range=30d")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    page.get_by_role("heading", name="Prices").first.scroll_into_view_if_needed()


def experiment(page: Page) -> None:
    page.goto("/experiments/")
    page.locator("main tbody th a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def welcome_policy(page: Page) -> None:
    page.goto("/welcome/policy/?template=by-task")
    expect(page.get_by_role("heading", name="What it would do")).to_be_visible()


def welcome_key(page: Page) -> None:
    """The one thing a picture makes; the data folder goes with it."""
    page.goto("/welcome/key/")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#full-key")).to_be_visible()


def palette(page: Page) -> None:
    page.goto("/policies/")
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    page.locator("#palette-query").fill("code")
    expect(page.locator("#palette [role=option][aria-selected=true]")).to_be_visible()


PICTURES = (
    Picture("welcome", at("/welcome/", "Welcome to Signalbox")),
    Picture("welcome-provider", at("/welcome/provider/")),
    Picture("welcome-policy", welcome_policy),
    Picture("welcome-key", welcome_key),
    Picture("overview", overview),
    Picture("overview-dark", overview, theme="dark"),
    Picture("overview-phone", overview, theme="dark", is_phone=True),
    Picture("requests", request_list),
    Picture("trace", trace),
    Picture("trace-phone", trace, is_phone=True),
    Picture("why-not", why_not),
    Picture("policy", policy),
    Picture("editor", editor),
    Picture("rule", rule),
    Picture("playground", playground),
    Picture("playground-dark", playground, theme="dark"),
    Picture("experiment", experiment),
    Picture("models", at("/models/", "Models")),
    Picture("model", model),
    Picture("providers", at("/providers/")),
    Picture("keys", at("/keys/")),
    Picture("alerts", at("/alerts/")),
    Picture("users", at("/users/")),
    Picture("audit", at("/audit/")),
    Picture("system", at("/system/")),
    Picture("palette", palette, theme="dark"),
)
