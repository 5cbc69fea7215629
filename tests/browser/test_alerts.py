"""An alert's life in a real browser: a channel made and tried, a rule, an upstream that fails, one message, recovery, one message more."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import a_browser
from tests.browser.hostile import ask
from tests.browser.watch import WIDTHS, Watch
from tests.patience import wait_until
from tests.process.product import QUICK_WORKSPACE, Product, a_product
from tests.webhook_receiver import Receiver, a_receiver

pytestmark = [pytest.mark.browser, pytest.mark.process]
PASSWORD = "correct horse battery"
SECRET = "0123456789abcdef-only-theirs"
FAILED, ANSWERED = 6, 30
# Longer than a busy machine takes from the first of them to looking at them.
WINDOW_MINUTES = 10
UPSTREAM = """
import django; django.setup()
from routerapp.serving import edit_catalog
from routerapp.serving.permissions import SYSTEM

by = {"by": SYSTEM}
edit_catalog.add_provider("shaky", name="Shaky", kind="simulated", **by)
edit_catalog.add_language_model("shaky-model", {"name": "Shaky", "context_window": 4096}, **by)
simulation = {"seed": 1, "ttft_ms": {"p50": 5, "p95": 9}, "tokens_per_second": 4000, "output_tokens": {"mean": 9}, "error_share": 1.0, "errors": ["500"]}
edit_catalog.add_deployment("shaky-place", {"name": "Shaky", "upstream_model": "x", "simulation": simulation}, provider="shaky", language_model="shaky-model", **by)
"""
RECOVERS = """
import django; django.setup()
from routerapp.models import Deployment
from routerapp.serving import edit_catalog
from routerapp.serving.permissions import SYSTEM

row = Deployment.objects.get(slug="shaky-place")
edit_catalog.edit_deployment("shaky-place", {"simulation": {**row.simulation, "error_share": 0.0}}, by=SYSTEM)
"""
# What the job worker does, at a time of our choosing and beside it: sending twice would show here.
LOOK = """
import django; django.setup()
from datetime import timedelta
from django.utils import timezone
from routerapp.serving.alerts.evaluate import evaluate
from routerapp.serving.alerts.outbox import send_due
for seconds in {seconds}:
    evaluate(timezone.now() + timedelta(seconds=seconds))
# What was found at a later time waits until then.
send_due(clock=lambda: timezone.now() + timedelta(seconds=seconds))
"""
DRAINED = "SELECT count(*) FROM routed_request WHERE origin = 'live' AND requested_model = 'shaky-model' AND status = ?"


@pytest.fixture
def receiver():
    with a_receiver() as receiver:
        yield receiver


@pytest.fixture
def product(tmp_path_factory):
    variables = {
        "SIGNALBOX_DEMO": "0",
        "SIGNALBOX_ADMIN_PASSWORD": PASSWORD,
        "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1",
    }
    with a_product(tmp_path_factory.mktemp("alerts"), **variables) as product:
        product.prepare(QUICK_WORKSPACE)
        product.run_python(UPSTREAM)
        product.start()
        yield product


@pytest.fixture
def page(product: Product):
    """Whatever goes wrong in it fails the test."""
    with a_browser() as browser:
        context = browser.new_context(base_url=product.url, viewport=WIDTHS["wide"], reduced_motion="reduce")
        watch = Watch(context, product.url)
        yield context.new_page()
        context.close()
    assert watch.problems == []


def sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def make_channel(page: Page, address: str) -> None:
    page.goto("/alerts/")
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Name").fill("On-call chat")
    page.get_by_label("Address (URL)").fill(address)
    page.get_by_label("Secret for signatures").fill(SECRET)
    page.get_by_role("button", name="Make the channel").click()
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_text("has taken the test message")).to_be_visible()
    assert SECRET not in page.content() and "a-secret-path" not in page.content()


def make_rule(page: Page) -> None:
    page.goto("/alerts/")
    page.get_by_role("link", name="New rule").click()
    page.get_by_role("link", name="Share of failed requests").click()
    page.get_by_label("Name").fill("Shaky fails")
    page.get_by_label("Watches").select_option("model:shaky-model")
    page.get_by_label("Alert from (%)").fill("50")
    page.get_by_label("Of at least (requests)").fill("5")
    page.get_by_label("Window (minutes)").fill(str(WINDOW_MINUTES))
    expect(page.get_by_label("On-call chat")).to_be_checked()
    page.get_by_role("button", name="Make the rule").click()
    expect(page.get_by_text("is watched from now on")).to_be_visible()


def send(product: Product, times: int, status: str) -> None:
    for _ in range(times):
        ask(product, product.key, model="shaky-model")
    wait_until(lambda: product.rows(DRAINED, status)[0][0] >= times, f"{times} requests of status {status}")


def wait_for(receiver: Receiver, events: list[str]) -> None:
    """The product's own job may be the one that sends; either way it is sent once."""
    wait_until(lambda: receiver.events() == events, f"{events} were received")


def test_an_alert_fires_is_told_once_closes_and_is_told_once(page, product, receiver):
    sign_in(page)
    make_channel(page, receiver.url)
    make_rule(page)
    send(product, FAILED, "upstream_error")
    for _ in range(2):
        product.run_python(LOOK.format(seconds=(0,)))
    wait_for(receiver, ["test", "opened"])

    page.goto("/alerts/")
    incident = page.locator("#open li").filter(has_text="Shaky fails")
    expect(incident).to_contain_text("100 % of requests of model shaky-model failed within 10 minutes")
    # The provider may be down besides, by a rule every installation starts with.
    expect(page.locator(".nav-badge")).to_contain_text(str(page.locator("#open li").count()))
    incident.get_by_role("link", name="These requests").click()
    expect(page.get_by_role("heading", name="Requests", level=1)).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(FAILED)

    product.change(RECOVERS)
    send(product, ANSWERED, "ok")
    over = WINDOW_MINUTES * 60
    product.run_python(LOOK.format(seconds=(0, over // 2, over + 1, over + 2, over + 30)))
    wait_for(receiver, ["test", "opened", "closed"])
    product.run_python(LOOK.format(seconds=(0,)))
    page.goto("/alerts/")
    expect(page.locator("#history")).to_contain_text("Shaky fails")
    expect(page.locator("#open")).not_to_contain_text("Shaky fails")
    page.locator("#history").get_by_role("link", name="Shaky fails").click()
    expect(page.locator("main .badge").get_by_text("sent", exact=True)).to_have_count(2)
    assert SECRET not in page.content() and "a-secret-path" not in page.content()

    assert receiver.events() == ["test", "opened", "closed"]
    assert len({one.headers["idempotency-key"] for one in receiver.received}) == 3
    assert all("signalbox-signature" in one.headers for one in receiver.received)
    assert b"hello there" not in b"".join(one.body for one in receiver.received)
