"""From an empty installation to the first answered request in a real browser: every step of the wizard, looked at and left by its own buttons."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from openai import OpenAI
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import SETTLED, WIDTHS, Watch
from tests.process.product import Product, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]
OWN_PASSWORD = "a lamp in every signal"
CREDENTIAL = "sk-loopback-0123456789"
LISTED = ("tiny-1", "huge-1")


class Vendor(BaseHTTPRequestHandler):
    """Speaks enough OpenAI for a list and a chat; refuses any other credential."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({"object": "list", "data": [{"id": name, "object": "model"} for name in LISTED]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "Hello, bonjour, hallo."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20}
        self._answer(
            {
                "id": "c1",
                "object": "chat.completion",
                "created": 1,
                "model": asked["model"],
                "choices": [choice],
                "usage": usage,
            }
        )

    def _answer(self, document: object) -> None:
        is_known = self.headers.get("authorization") == f"Bearer {CREDENTIAL}"
        wrong = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}
        body = json.dumps(document if is_known else wrong).encode()
        self.send_response(200 if is_known else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("welcome")
    with a_product(folder, SIGNALBOX_DEMO="0", SIGNALBOX_EGRESS_ALLOW="127.0.0.1") as product:
        product.prepare()
        product.start()
        yield product


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


def look(page: Page, watch: Watch, place: str) -> None:
    """In both themes and widths: nothing sticks out, nothing inaccessible."""
    for number, (width, theme) in enumerate((("wide", "light"), ("phone", "dark"))):
        page.set_viewport_size(WIDTHS[width])
        page.emulate_media(color_scheme=theme)
        page.evaluate(SETTLED)
        watch.place = f"{place}, {width}, {theme}"
        watch.check(page)
        watch.add_axe(page, is_seen_before=number > 0)
    page.set_viewport_size(WIDTHS["wide"])
    page.emulate_media(color_scheme="light")


def choose_password(page: Page, product: Product, watch: Watch) -> None:
    printed = re.search(r"Password\s+(\S+)", product.printed())
    assert printed is not None
    page.goto("/")
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(printed[1])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Choose your own password")).to_be_visible()
    look(page, watch, "password")
    current, *new = page.locator("main input[type=password]").all()
    current.fill(printed[1])
    for field in new:
        field.fill(OWN_PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Welcome to Signalbox")).to_be_visible()
    look(page, watch, "start")


def connect(page: Page, url: str, watch: Watch) -> None:
    """First with a wrong credential: said in words, put right on the spot."""
    page.get_by_role("link", name="Begin").or_(page.get_by_role("link", name="Continue with")).first.click()
    look(page, watch, "gallery")
    page.get_by_role("link", name="Any OpenAI-compatible API").click()
    page.get_by_label("Name").fill("Loopback")
    page.get_by_label("Address").fill(url)
    page.get_by_label("Credential").fill("sk-wrong")
    look(page, watch, "connect")
    page.get_by_role("button", name="Save and test").click()
    expect(page.locator("#diagnosis .notice[data-tone=bad]")).to_be_visible()
    look(page, watch, "test failed")
    assert "sk-wrong" not in page.content()
    page.get_by_label("Credential").fill(CREDENTIAL)
    page.get_by_role("button", name="Save and test again").click()
    expect(page.get_by_text("It works.")).to_be_visible()
    look(page, watch, "test passed")


def choose_models(page: Page, watch: Watch) -> None:
    page.get_by_role("link", name="Choose models").click()
    for name in LISTED:
        page.get_by_label(name).check()
    look(page, watch, "models listed")
    page.get_by_role("button", name="Add these models").click()
    expect(page.get_by_text("2 models have no price")).to_be_visible()
    for name, (cost, quality) in {"tiny-1": ("0.1", "0.4"), "huge-1": ("5", "0.9")}.items():
        page.get_by_label(f"Input price of {name}").fill(cost)
        page.get_by_label(f"Output price of {name}").fill(cost)
        page.get_by_label(f"Quality of {name}").fill(quality)
    look(page, watch, "prices")
    page.get_by_role("button", name="Save and choose a policy").click()


def choose_policy(page: Page, watch: Watch) -> None:
    expect(page.get_by_role("heading", name="Which prompt goes where?")).to_be_visible()
    page.get_by_role("link", name="Personal data stays here").click()
    expect(page.get_by_role("button", name="Publish and make it the default")).to_be_disabled()
    look(page, watch, "a template that lacks something")
    page.get_by_role("link", name="By task").click()
    expect(page.get_by_role("row", name=re.compile("^code ")).get_by_text("loopback-huge-1")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^summarize ")).get_by_text("loopback-tiny-1")).to_be_visible()
    look(page, watch, "policy")
    page.get_by_role("button", name="Publish and make it the default").click()


def make_key(page: Page, watch: Watch) -> str:
    expect(page.get_by_role("heading", name="A key for your application")).to_be_visible()
    look(page, watch, "key")
    page.get_by_role("button", name="Make the key").click()
    full_key = page.locator("#full-key").inner_text().strip()
    look(page, watch, "key made")
    return full_key


@pytest.mark.once
def test_from_an_empty_installation_to_the_first_answer(product, browser, vendor):
    context = browser.new_context(base_url=product.url, viewport=WIDTHS["wide"])
    watch = Watch(context, product.url)
    page = context.new_page()
    choose_password(page, product, watch)
    connect(page, vendor, watch)
    choose_models(page, watch)
    choose_policy(page, watch)
    client = OpenAI(base_url=f"{product.url}/v1", api_key=make_key(page, watch), max_retries=5)
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()

    answer = client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "Write a Python function that adds two numbers."}]
    )

    assert (answer.model, answer.choices[0].message.content) == ("huge-1", "Hello, bonjour, hallo.")
    expect(page.get_by_role("heading", name="It was answered")).to_be_visible()
    expect(page.locator("#waiting")).to_contain_text("huge-1")
    expect(page.locator("#waiting")).to_contain_text("$0.0001")
    look(page, watch, "first request")
    page.get_by_role("link", name="Read the whole trace").click()
    expect(page.get_by_role("heading", name="Candidates")).to_be_visible()
    page.goto("/welcome/request/")
    page.get_by_role("button", name="Finish", exact=True).click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Finish setting up")).to_have_count(0)
    context.close()
    assert not watch.problems, "\n" + "\n".join(watch.problems)


def test_it_works_without_javascript(product, browser):
    """After the journey above: the same pages for whom runs no script."""
    context = browser.new_context(base_url=product.url, viewport=WIDTHS["wide"], java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in/?next=/welcome/")
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(OWN_PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Provider", exact=True).click()
    page.get_by_role("link", name="Test Loopback").click()
    page.get_by_role("button", name="Test it").click()
    expect(page.get_by_text("It works.")).to_be_visible()
    page.goto("/search/")
    page.locator("main [name=q]").fill("loopback")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Loopback", exact=True)).to_be_visible()
    context.close()
