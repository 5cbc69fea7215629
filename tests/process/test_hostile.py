"""One running product under attack from outside and from below: a flood, a locked database, no database."""

from __future__ import annotations

import http.client
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from routerapp.store.keys import make_key
from tests.process.product import QUICK_WORKSPACE, Product, a_product

pytestmark = pytest.mark.process
PASSWORD = "correct horse battery"
MIB = 1024 * 1024
BODY = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("hostile")
    with a_product(folder, SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD) as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        yield product


@pytest.fixture
def client(product) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {product.key}"}
    with httpx.Client(base_url=product.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def ask(client: httpx.Client) -> tuple[str, float]:
    """(decision id, seconds) of one answered chat."""
    began = time.monotonic()
    answer = client.post("/v1/chat/completions", json=BODY)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-router-decision-id"], time.monotonic() - began


def test_a_stranger_cannot_fill_the_disk_through_a_page(product):
    connection = http.client.HTTPConnection("127.0.0.1", int(product.port), timeout=10)
    sent = iter(range(64))

    def flood() -> Iterator[bytes]:
        for _ in sent:
            yield b"a" * MIB

    try:
        connection.request("POST", "/sign-in/", flood(), {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
    except OSError:
        status = 413  # Cut off while still sending.
    finally:
        connection.close()

    assert status == 413
    assert httpx.get(product.url + "/sign-in/", trust_env=False).status_code == 200


def test_traffic_does_not_feel_a_database_that_somebody_holds(product, client):
    writer = sqlite3.connect(product.data_dir / "signalbox.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        with ThreadPoolExecutor(1) as pool:
            page = client.get("/sign-in/")
            form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": page.cookies["csrftoken"]}
            signing_in = pool.submit(client.post, "/sign-in/", data=form)
            answers = [ask(client) for _ in range(20)]
            refused = signing_in.result()
    finally:
        writer.execute("ROLLBACK")
        writer.close()

    # Whoever waits for the database waits each time; a busy machine makes one or two answers late.
    assert sorted(seconds for _, seconds in answers)[-3] < 2
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    product.wait_until_recorded(decision for decision, _ in answers)


def test_traffic_goes_on_without_a_database_and_nothing_of_it_is_lost(product, client):
    ask(client)
    away = {path: path.with_name(f"away-{path.name}") for path in product.data_dir.glob("signalbox.sqlite3*")}
    for path, aside in away.items():
        path.rename(aside)
    try:
        time.sleep(1.5)
        answers = {ask(client)[0] for _ in range(10)}
        page = client.get("/", headers={"Cookie": f"signalbox={'a' * 32}"})
        unknown_key = client.get("/v1/models", headers={"Authorization": f"Bearer {make_key().full}"})
        old_decision = client.get("/v1/router/decisions/0193b000-0000-7000-8000-000000000001")
    finally:
        for path in product.data_dir.glob("signalbox.sqlite3*"):
            path.unlink()
        for path, aside in away.items():
            aside.rename(path)

    assert [page.status_code, unknown_key.status_code, old_decision.status_code] == [503, 503, 503]
    product.wait_until_recorded(answers)
