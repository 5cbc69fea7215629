"""The product on a real PostgreSQL: two replicas, an outage while both serve, and every request in the database exactly once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.postgresql import NoPostgreSQL, PostgreSQL
from tests.process.prepared import BARE
from tests.process.product import PROJECT, QUICK_WORKSPACE, Product, a_product

pytestmark = [pytest.mark.process, pytest.mark.postgres]

PATIENCE_SECONDS = 120.0
PAGES = ("/", "/requests/", "/system/", "/policies/", "/keys/", "/audit/")
PASSWORD = "look-at-this-1"


@pytest.fixture(scope="module")
def server():
    try:
        with PostgreSQL() as started:
            yield started
    except NoPostgreSQL as reason:
        pytest.skip(f"PostgreSQL cannot run here: {reason}")


@pytest.fixture(scope="module")
def replicas(server, tmp_path_factory):
    """Two data folders with one root secret, one database."""
    folder = tmp_path_factory.mktemp("replicas")
    variables = {
        "SIGNALBOX_DATABASE_URL": server.create("signalbox"),
        "SIGNALBOX_ADMIN_PASSWORD": PASSWORD,
        "SIGNALBOX_DEMO": "0",
    }
    with a_product(folder / "a", **variables) as first, a_product(folder / "b", **variables) as second:
        for product in (first, second):
            product.data_dir.parent.mkdir(parents=True)
        # Tables and pages' files as a first start makes them; a folder prepared for SQLite is of no use here.
        first.run_python(BARE + QUICK_WORKSPACE)
        second.data_dir.mkdir(mode=0o700)
        shutil.copytree(first.data_dir / "static", second.data_dir / "static")
        for name in ("root.key", "first-key"):
            shutil.copy2(first.data_dir / name, second.data_dir / name)
        first.start()
        second.start()
        yield first, second


def ask(product: Product, many: int) -> set[str]:
    """The ids of so many answered requests."""

    def one(number: int) -> str:
        answer = httpx.post(
            f"{product.url}/v1/chat/completions",
            json={"model": "auto", "messages": [{"role": "user", "content": f"Question {number}"}]},
            headers={"Authorization": f"Bearer {product.key}"},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code in (200, 502, 503), answer.text
        return answer.headers["x-router-request-id"]

    with ThreadPoolExecutor(4) as threads:
        return set(threads.map(one, range(many)))


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def recorded(server: PostgreSQL) -> list[str]:
    with server.connect("signalbox") as connection:
        return [found for (found,) in connection.execute("SELECT id FROM routed_request")]


def counted(server: PostgreSQL) -> int:
    with server.connect("signalbox") as connection:
        found = connection.execute("SELECT sum(n) FROM request_rollup WHERE granularity = 'day'").fetchone()
    return int(found[0])


def test_every_request_is_there_once_though_the_database_was_away(server, replicas) -> None:
    asked: set[str] = set()
    for product in replicas:
        asked |= ask(product, 15)
    until(lambda: asked <= set(recorded(server)))

    server.stop()
    for product in replicas:
        asked |= ask(product, 25)
        assert product.get("/livez")[0] == 200
    server.start()
    for product in replicas:
        asked |= ask(product, 10)
    until(lambda: asked <= set(recorded(server)))

    rows = recorded(server)
    assert sorted(rows) == sorted(asked)
    assert counted(server) == len(asked) == 100


def test_a_server_that_hangs_does_not_hang_the_gateway(server, replicas) -> None:
    server.freeze()
    try:
        began = time.monotonic()
        asked = ask(replicas[0], 10)
        assert time.monotonic() - began < 30
    finally:
        server.thaw()
    until(lambda: asked <= set(recorded(server)))


def test_pages_are_served_by_each_replica_for_one_session(server, replicas) -> None:
    until(lambda: replicas[0].get("/readyz")[0] == 200)
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=30) as browser:
        page = browser.get(f"{replicas[0].url}/sign-in/")
        fields = {
            "username": "admin",
            "password": PASSWORD,
            "csrfmiddlewaretoken": page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0],
        }
        browser.post(str(page.url), data=fields, headers={"Referer": replicas[0].url})
        for product in replicas:
            for path in PAGES:
                answer = browser.get(product.url + path)
                assert answer.status_code == 200
                assert "/sign-in/" not in str(answer.url)


def test_both_report_and_one_keeps_the_schedule(server, replicas) -> None:
    with server.connect("signalbox") as connection:
        workers = [name for (name,) in connection.execute("SELECT worker FROM routerapp_workerreport")]
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s"
        assert sorted(name.split(" ")[0] for name in workers if " " in name) == ["drainer", "drainer", "jobs", "jobs"]
        until(lambda: connection.execute(held, [0x5167_0003]).fetchone() == (1,))


def test_another_secret_does_not_start_on_this_database(server, replicas, tmp_path) -> None:
    with a_product(tmp_path, **replicas[0].variables) as stranger:
        stranger.data_dir.mkdir(mode=0o700)
        run = subprocess.run(
            [sys.executable, "manage.py", "run"],
            cwd=PROJECT,
            env=stranger.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    assert run.returncode != 0
    assert "another key" in run.stderr
    assert server.password not in run.stdout + run.stderr


def test_nobody_printed_the_password(server, replicas) -> None:
    for product in replicas:
        assert server.password not in product.printed()
