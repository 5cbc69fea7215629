"""`make run` as a stranger meets it: one command up, what it prints works, the second start changes nothing, Ctrl-C ends all of it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys

import pytest

from tests.management.test_supervisor import is_alive
from tests.process.product import PROJECT, Product, a_product

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with a_product(tmp_path_factory.mktemp("run"), SIGNALBOX_DEMO="1") as product:
        product.start()
        yield product


def printed_curl(product: Product) -> str:
    found = re.search(r"^  (curl .*?)\n\n", product.printed(), re.DOTALL | re.MULTILINE)
    assert found, product.printed()
    return found.group(1)


def configuration(product: Product) -> list[tuple[object, ...]]:
    with sqlite3.connect(product.data_dir / "signalbox.sqlite3") as database:
        rows = [("state", *database.execute("SELECT serial, config_id FROM routerapp_installationstate").fetchone())]
        for table in (
            "routerapp_user",
            "routerapp_apikey",
            "routerapp_policyversion",
            "routerapp_auditevent",
            "routed_request",
        ):
            rows.append((table, *database.execute(f"SELECT count(*) FROM {table}").fetchone()))
    return rows


def test_first_start_makes_an_admin_and_a_month_of_sample_traffic(started):
    assert re.search(r"Password +\S{12,}", started.printed())
    counts = dict(row[:2] for row in configuration(started) if row[0] != "state")
    assert counts["routed_request"] >= 19_000
    assert counts["routerapp_user"] == 1


def test_what_it_keeps_is_for_its_owner_only(started):
    kept = [path for path in started.data_dir.rglob("*") if path.is_file() and "static" not in path.parts]

    assert len(kept) > 10
    assert [path.name for path in kept if path.stat().st_mode & 0o077] == []


def test_the_printed_curl_works_as_printed(started):
    done = subprocess.run(["bash", "-c", printed_curl(started)], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)

    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["cost"] > 0


def test_no_key_is_in_what_was_printed_but_the_password_shown_once(started):
    assert started.key not in started.printed()


RECOUNT = """
import json, time, zlib, django; django.setup()
from zoneinfo import ZoneInfo
import msgspec
from routerapp.engine.conditions import evaluate, parse_condition
from routerapp.engine.types import Inputs
from routerapp.models import DecisionInputs
from routerapp.store.matches import count_matches
document = {"any": [{"field": "task", "op": "in", "value": ["code", "math"]}, {"field": "complexity", "op": "gte", "value": 0.5}]}
began = time.perf_counter(); count_matches(document); cold = time.perf_counter() - began
began = time.perf_counter(); count = count_matches(document); warm = time.perf_counter() - began
condition, zone, matched, total = parse_condition(document, "when"), ZoneInfo("UTC"), 0, 0
for at_ms, raw in DecisionInputs.objects.order_by("-at_ms", "-request_id").values_list("at_ms", "document")[:10_000]:
    inputs = msgspec.convert(json.loads(zlib.decompress(bytes(raw)))["inputs"], Inputs)
    matched += evaluate(condition, inputs, at_ms, zone) is True
    total += 1
print(json.dumps([count.matched, count.total, matched, total, cold, warm]))
"""


def test_a_match_count_over_the_newest_10_000_equals_a_recount(started):
    counted, of, recounted, total, cold, warm = json.loads(started.run_python(RECOUNT))
    print(f"{counted} of {of} match; counted in {cold * 1000:.0f} ms the first time, {warm * 1000:.0f} ms after")

    assert (counted, of) == (recounted, total)
    assert 0 < counted < of == 10_000


def test_a_second_supervisor_on_the_same_folder_is_refused(started):
    done = subprocess.run(
        [sys.executable, "manage.py", "run"],
        env={**started.environment, "SIGNALBOX_PORT": "1"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "already runs" in done.stderr


def test_ctrl_c_leaves_no_orphan_and_a_second_start_is_quick_and_changes_nothing(started):
    before = configuration(started)
    tree = started.tree()
    started.stop()
    assert not any(is_alive(pid) for pid in tree)
    seconds = started.start()

    assert "Password" not in started.printed()
    assert configuration(started)[0:5] == before[0:5]
    print(f"second start ready in {seconds:.1f} s")


def test_a_busy_port_is_named(started, tmp_path):
    with a_product(tmp_path, SIGNALBOX_DEMO="0", SIGNALBOX_PORT=str(started.port)) as other:
        with pytest.raises(AssertionError, match="SIGNALBOX_PORT"):
            other.start()
