"""What a browser holds against a page: its console, its security policy, dialogs, requests to other machines, and sideways scrolling."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, expect

PASSWORD = "correct horse battery"
WIDTHS = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# htmx says so of a request of the page that a newer one has taken the place of, such as the next letter typed.
_REPLACED = "AbortError: signal is aborted without reason"
# What another width or theme of the same page can spoil.
LOOK_RULES = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
LOOKS = {"type": "rule", "values": LOOK_RULES}
RECORD_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
RUN_AXE = """async (only) => {
  const found = await axe.run(document, {runOnly: only, resultTypes: ["violations"], preload: false});
  return found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} (${node.failureSummary.split("\\n")[1]?.trim()})`).join("; ")}`);
}"""
# Colours fade into a new theme; half way they contrast with nothing. Waiting would take as long as the machine is busy, and what is hidden
# may never end its fading, so each is brought to its end; what inherits from it begins then, so again until there is none.
SETTLED = """async () => {
  for (let round = 0; round < 8; round += 1) {
    await new Promise(requestAnimationFrame);
    const fading = document.getAnimations();
    if (round > 1 && !fading.length) return;
    for (const one of fading) {
      try { one.finish(); } catch { one.cancel(); }
    }
  }
}"""
# The widest thing that sticks out, for the message.
TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return "";
  const wide = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > room + 1);
  return `${document.documentElement.scrollWidth} > ${room} px: ${wide.slice(-3).map((one) => `${one.tagName.toLowerCase()}.${one.className}`).join(", ")}`;
}"""


class Watch:
    """Collects what goes wrong in one browser context, in words, each with the page it was on."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.problems: list[str] = []
        self.place = "before the first page"
        self._home = urlsplit(url).netloc
        self._is_deaf = False
        context.add_init_script(RECORD_VIOLATIONS)
        context.on("request", self._see_request)
        context.on("console", self._hear)
        context.on("dialog", self._close)
        context.on("weberror", lambda error: self.add(f"script error: {error.error}"))

    def add(self, problem: str) -> None:
        self.problems.append(f"{self.place}: {problem}")

    def check(self, page: Page) -> None:
        """What only asking the page can tell."""
        for violation in page.evaluate("window.violations.splice(0)"):
            self.add(f"security policy: {violation}")
        wide = page.evaluate(TOO_WIDE)
        if wide:
            self.add(f"scrolls sideways: {wide}")

    def add_axe(self, page: Page, is_seen_before: bool = False) -> None:
        """After check(): axe is no part of the page, and what it does to the page is not held against that."""
        self._is_deaf = True
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(AXE.read_text("utf-8"))
        problems = page.evaluate(RUN_AXE, LOOKS if is_seen_before else WCAG)
        page.evaluate("window.violations.splice(0)")
        self._is_deaf = False
        for problem in problems:
            self.add(f"axe: {problem}")

    def _see_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.netloc != self._home and address.scheme not in ("data", "blob", "about"):
            self.add(f"asked another machine: {request.url}")

    def _hear(self, message: ConsoleMessage) -> None:
        # The page's own status is no fault of it: 404 and 422 are visited on purpose.
        if self._is_deaf or _REPLACED in message.text:
            return
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.add(f"console: {message.text}")

    def _close(self, dialog: Dialog) -> None:
        self.add(f"opened a dialog: {dialog.message}")
        dialog.dismiss()


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/sign-in/")
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=re.compile("Overview|Welcome"))).to_be_visible()
    leave = page.get_by_role("button", name="Skip the set-up")
    if leave.count():
        leave.click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
