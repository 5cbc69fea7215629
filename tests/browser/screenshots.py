"""Pictures of a running Signalbox for the README: python -m tests.browser.screenshots OUTDIR URL

Signs in as admin with SIGNALBOX_ADMIN_PASSWORD; makes a draft of the default policy where there is none, publishes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import sign_in

VIEW = {"width": 1440, "height": 900}
PROMPT = (
    "Prove that the sum of two odd numbers is even, then write a Python function that checks it for all pairs below n."
)


def overview(page: Page) -> None:
    page.goto("/?range=30d")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def editor(page: Page) -> None:
    page.goto("/policies/")
    page.locator("main tbody th a").first.click()
    drafts = page.get_by_role("region", name="Drafts").get_by_role("link")
    if drafts.count():
        drafts.first.click()
    else:
        page.get_by_role("button", name="Edit in a new draft").click()
        expect(page.locator("[data-toast]")).to_have_count(0, timeout=10_000)
    expect(page.locator("[data-rules]")).to_be_visible()


def trace(page: Page) -> None:
    """An answered request that a rule sent to the best balanced candidate."""
    page.goto("/requests/?status=ok")
    scored = page.locator("tbody tr", has_text="balanced")
    by_rule = scored.filter(has_not_text="default")
    (by_rule if by_rule.count() else scored).first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Candidates")).to_be_visible()


def playground(page: Page) -> None:
    page.goto("/playground/")
    page.locator("[name=prompt]").fill(PROMPT)
    page.locator("[data-routes]").click()
    expect(page.locator(".play-columns > *").first).to_be_visible()


PICTURES: dict[str, tuple[Callable[[Page], None], str]] = {
    "overview": (overview, "light"),
    "overview-dark": (overview, "dark"),
    "editor": (editor, "light"),
    "trace": (trace, "light"),
    "playground": (playground, "light"),
}


def main(folder: Path, url: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with a_browser() as browser:
        page = browser.new_page(base_url=url, viewport=VIEW, reduced_motion="reduce")
        sign_in(page, os.environ.get("SIGNALBOX_ADMIN_PASSWORD", ""))
        for name, (show, theme) in PICTURES.items():
            page.emulate_media(color_scheme=theme)
            show(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(600)
            page.screenshot(path=folder / f"{name}.png")
            print(f"{name}.png {(folder / f'{name}.png').stat().st_size // 1024} KB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2].rstrip("/"))
