"""What a browser holds against a page: its console, its security policy, dialogs, requests to other machines, and sideways scrolling."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, expect

PASSWORD = "correct horse battery"
WIDTHS = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RECORD_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
RUN_AXE = """async (tags) => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]});
  return found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} (${node.failureSummary.split("\\n")[1]?.trim()})`).join("; ")}`);
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

    def _see_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.netloc != self._home and address.scheme not in ("data", "blob", "about"):
            self.add(f"asked another machine: {request.url}")

    def _hear(self, message: ConsoleMessage) -> None:
        # The page's own status is no fault of it: 404 and 422 are visited on purpose.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.add(f"console: {message.text}")

    def _close(self, dialog: Dialog) -> None:
        self.add(f"opened a dialog: {dialog.message}")
        dialog.dismiss()


def sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def axe_problems(page: Page) -> list[str]:
    """Only in a context that bypasses the content security policy."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text("utf-8"))
    found: list[Any] = page.evaluate(RUN_AXE, WCAG)
    return [str(one) for one in found]
