"""A provider's life in a real browser: added from the gallery, tested, its models chosen, broken, explained in plain words, rotated, working again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.watch import sign_in
from tests.misbehaving import FakeUpstream, fake_upstream
from tests.patience import wait_until
from tests.process.product import Product, a_product
from tests.process.router import SETUP

pytestmark = [pytest.mark.browser, pytest.mark.process]
PASSWORD = "correct horse battery"
OLD, NEW = "sk-the-old-credential-0001", "sk-the-new-credential-0002"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as fake:
        fake.works().key = OLD
        yield fake


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("providers")
    with a_product(
        folder, SIGNALBOX_DEMO="0", SIGNALBOX_EGRESS_ALLOW="127.0.0.1", SIGNALBOX_ADMIN_PASSWORD=PASSWORD
    ) as product:
        product.prepare(SETUP)
        product.start()
        yield product


def ask(product: Product) -> httpx.Response:
    body = {"model": "acme/small-1", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {product.key}"}
    return httpx.post(f"{product.url}/v1/chat/completions", json=body, headers=headers, timeout=60, trust_env=False)


def wait_for_status(product: Product, status: int) -> None:
    """Until every worker has the newest configuration."""
    wait_until(lambda: ask(product).status_code == status, f"answered with {status}", pause=0.2)


def add(page: Page, url: str) -> None:
    page.goto("/providers/")
    page.get_by_role("link", name="Add the first provider").click()
    page.get_by_role("link", name=re.compile("Another OpenAI-compatible server")).click()
    page.get_by_label("Name").fill("Acme")
    page.get_by_label("Slug").fill("acme")
    page.get_by_label("Address").fill(f"{url}/v1")
    page.get_by_label("Credential").fill(OLD)
    page.get_by_role("button", name="Add the provider").click()
    expect(page.get_by_role("heading", level=1, name="Acme")).to_be_visible()


def choose_a_model(page: Page) -> None:
    page.get_by_role("link", name="Choose models").first.click()
    page.get_by_label("small-1").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Context window, tokens").fill("32000")
    page.get_by_role("button", name="Add 1 deployment").click()
    expect(page.get_by_role("link", name="small-1 on Acme")).to_be_visible()


def press_test(page: Page) -> None:
    page.goto("/providers/acme/")
    page.get_by_label("What to ask").select_option("acme-small-1")
    page.get_by_role("button", name="Test now").click()


def test_a_provider_is_added_broken_explained_rotated_and_works_again(product: Product, upstream: FakeUpstream) -> None:
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url)
        page = context.new_page()
        sign_in(page, PASSWORD)
        add(page, upstream.url)
        page.get_by_role("button", name="Test now").click()
        expect(page.get_by_text("It works.")).to_be_visible()
        choose_a_model(page)
        wait_for_status(product, 200)

        upstream.key = NEW
        assert ask(product).status_code == 502
        press_test(page)
        expect(page.get_by_text("The upstream refuses the credential (401)")).to_be_visible()
        expect(page.get_by_text("Make a new key there and rotate the credential.")).to_be_visible()
        assert OLD not in page.content()

        page.get_by_role("link", name="Rotate the credential").click()
        page.get_by_label("New credential").fill("sk-a-wrong-credential-0003")
        page.get_by_role("button", name="Rotate the credential").click()
        expect(page.get_by_text("The old credential is kept")).to_be_visible()
        page.get_by_label("New credential").fill(NEW)
        page.get_by_role("button", name="Rotate the credential").click()
        expect(page.get_by_text("…0002")).to_be_visible()
        wait_for_status(product, 200)
        press_test(page)
        expect(page.get_by_text("It works.")).to_be_visible()
        assert NEW not in page.content()
        context.close()
