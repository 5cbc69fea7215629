"""A person's life in a real browser: invited, accepted, enrolled, out, in again with a code, locked and out at once; and an admin by another way in."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress

import pyotp
import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.browser.addresses import OF_AN_ACCOUNT, pages_of_url_conf
from tests.browser.chromium import a_browser
from tests.browser.looks import PAIRS, look_at
from tests.browser.watch import WIDTHS, Watch
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, a_provider
from tests.patience import wait_until
from tests.process.product import QUICK_WORKSPACE, Product, a_product

pytestmark = [pytest.mark.browser, pytest.mark.process]
PASSWORD = "correct horse battery"
THEIRS = "a sentence of her own"


@pytest.fixture(scope="module")
def provider():
    with a_provider() as provider:
        provider.claims = {"sub": "boss", "email": "boss@corp.example", "email_verified": True}
        yield provider


@pytest.fixture(scope="module")
def product(tmp_path_factory, provider: Provider):
    variables = {
        "SIGNALBOX_DEMO": "0",
        "SIGNALBOX_ADMIN_PASSWORD": PASSWORD,
        "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1",
        "SIGNALBOX_OIDC_ISSUER": provider.issuer,
        "SIGNALBOX_OIDC_CLIENT_ID": CLIENT_ID,
        "SIGNALBOX_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "SIGNALBOX_OIDC_LABEL": "Corp",
    }
    with a_product(tmp_path_factory.mktemp("people"), **variables) as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        yield product


@pytest.fixture(scope="module")
def browser():
    with a_browser() as browser:
        yield browser


@pytest.fixture
def new_page(browser: Browser, product: Product, provider: Provider):
    """A browser of one person; what goes wrong in any of them fails the test."""
    opened = []

    def open_page(width: str = "wide", script: bool = True) -> Page:
        context = browser.new_context(
            base_url=product.url, viewport=WIDTHS[width], java_script_enabled=script, reduced_motion="reduce"
        )
        opened.append((context, Watch(context, product.url) if script else None))
        return context.new_page()

    yield open_page
    problems = [one for _, watch in opened if watch for one in watch.problems if provider.issuer not in one]
    for context, _ in opened:
        context.close()
    assert problems == []


def sign_in(page: Page, username: str, password: str) -> None:
    page.goto("/sign-in/")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()


def invite(page: Page, username: str) -> str:
    page.goto("/users/")
    page.get_by_role("link", name="Invite somebody").first.click()
    page.get_by_label("User name").fill(username)
    page.get_by_label("Role").select_option("editor")
    page.get_by_role("button", name="Make the link").click()
    return page.locator("#link").inner_text().strip()


def accept(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("New password").fill(THEIRS)
    page.get_by_label("The same again").fill(THEIRS)
    page.get_by_role("button", name="Choose this password").click()
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def enrol(page: Page) -> tuple[pyotp.TOTP, list[str]]:
    page.goto("/account/")
    page.get_by_role("link", name="Set it up").click()
    picture = page.get_by_role("img", name=re.compile("QR code"))
    expect(picture).to_be_visible()
    # Asked from here: a page without JavaScript has no way to wait by itself.
    wait_until(lambda: picture.evaluate("image => image.complete && image.naturalWidth > 0"), "the picture arrived")
    totp = pyotp.TOTP(page.locator("#secret").inner_text().replace(" ", ""))
    page.get_by_label("Code from the app").fill(totp.now())
    page.get_by_role("button", name="Switch it on").click()
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    return totp, codes


def next_code(totp: pyotp.TOTP) -> str:
    """Of the step to come, which is taken already: the one of now was used."""
    return totp.at(int(time.time()), counter_offset=1)


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_invited_enrolled_out_in_again_locked_and_out_at_once(new_page, width):
    admin, hers = new_page(), new_page(width)
    name = f"grace-{secrets.token_hex(3)}"
    sign_in(admin, "admin", PASSWORD)
    accept(hers, invite(admin, name))
    totp, _ = enrol(hers)

    hers.goto("/account/")
    hers.get_by_text("10 of 10 left").wait_for()
    hers.evaluate("document.querySelector('form[action=\"/sign-out/\"] button').click()")
    expect(hers.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(hers, name, THEIRS)
    expect(hers.get_by_role("heading", name="Enter your code")).to_be_visible()
    hers.goto("/requests/")
    expect(hers.get_by_role("heading", name="Sign in")).to_be_visible()
    hers.goto("/sign-in/code/")
    hers.get_by_label("Code").fill("000000")
    hers.keyboard.press("Enter")
    expect(hers.get_by_text("not valid now")).to_be_visible()
    hers.get_by_label("Code").fill(next_code(totp))
    hers.keyboard.press("Enter")
    expect(hers.get_by_role("heading", name="Overview", level=1)).to_be_visible()

    admin.goto(f"/users/{name}/")
    expect(admin.get_by_text("second factor on")).to_be_visible()
    admin.get_by_role("link", name="Lock…").click()
    admin.get_by_label("Reason").fill("left the company")
    admin.get_by_role("button", name="Lock").click()
    expect(admin.get_by_text(f"{name} is locked.")).to_be_visible()

    # The open page looks for news by itself and may be led to signing in before it is asked for another.
    with suppress(Error):
        hers.goto("/requests/")
    expect(hers.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(hers, name, THEIRS)
    expect(hers.get_by_text("do not match")).to_be_visible()


def test_all_of_it_works_without_javascript(new_page):
    admin, theirs = new_page(script=False), new_page(script=False)
    ada = f"ada-{secrets.token_hex(3)}"
    sign_in(admin, "admin", PASSWORD)
    accept(theirs, invite(admin, ada))
    _, codes = enrol(theirs)
    again = new_page(script=False)
    sign_in(again, ada, THEIRS)
    again.get_by_label("Code").fill(codes[0])
    again.get_by_role("button", name="Sign in").click()
    expect(again.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    again.goto("/account/")
    expect(again.get_by_text("9 of 10 left")).to_be_visible()
    again.get_by_role("button", name="Sign out my other sessions").click()
    theirs.goto("/account/")

    expect(theirs.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(again.get_by_role("heading", name="Your account")).to_be_visible()


def test_axe_finds_nothing_on_the_pages_of_an_account_with_a_second_factor(browser, product):
    context = browser.new_context(base_url=product.url, reduced_motion="reduce")
    watch, page = Watch(context, product.url), context.new_page()
    sign_in(page, "admin", PASSWORD)
    lise = f"lise-{secrets.token_hex(3)}"
    accept(page, invite(page, lise))
    enrol(page)
    addresses = pages_of_url_conf({name: {} for name in sorted(OF_AN_ACCOUNT - {"sign-in-code"})})
    addresses += pages_of_url_conf({"account": {}})
    for address in addresses:
        look_at(page, address, watch, PAIRS[0] + PAIRS[1], with_axe=True)
    page.evaluate("document.querySelector('form[action=\"/sign-out/\"] button').click()")
    page.get_by_role("heading", name="Sign in").wait_for()
    sign_in(page, lise, THEIRS)
    page.get_by_role("heading", name="Enter your code").wait_for()
    look_at(page, pages_of_url_conf({"sign-in-code": {}})[0], watch, PAIRS[0] + PAIRS[1], with_axe=True)
    context.close()

    assert not watch.problems, "\n" + "\n".join(watch.problems)


@pytest.mark.once
def test_an_account_linked_to_the_provider_comes_in_without_a_password(new_page):
    page = new_page()
    sign_in(page, "admin", PASSWORD)
    page.goto("/account/")
    page.get_by_role("link", name="Link Corp").click()
    page.get_by_label("Your password here").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Go on to Corp").click()
    expect(page.get_by_text("Linked to")).to_be_visible()

    other = new_page("phone")
    other.goto("/keys/")
    other.get_by_role("link", name="Sign in with Corp").click()

    expect(other.get_by_role("heading", name="API keys")).to_be_visible()
