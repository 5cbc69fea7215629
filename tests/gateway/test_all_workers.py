"""With several gateway processes any of them shows the metrics of all and finds their decisions."""

from __future__ import annotations

import asyncio
from functools import partial

import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from routerapp.gateway.all_workers import _labels, expose, exposition_for_sibling
from routerapp.serving.decisions import find_decision, recent_decision
from routerapp.serving.metrics import Standing
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.siblings import Siblings, make_folder
from routerapp.serving.worker_place import WorkerPlace, read_place
from tests.runtimes import CALLER, a_chat, a_policy, a_runtime, a_snapshot


@pytest.fixture
async def pair(tmp_path):
    """Two runtimes as two processes of four would have them."""
    folder = make_folder(tmp_path)
    found = []
    for slot in range(2):
        runtime = a_runtime(tmp_path / str(slot), a_snapshot(policies=[a_policy()]))
        runtime.place = WorkerPlace(slot, 1, 4)
        runtime.metrics.standing = Standing(open_incidents=3, spool_waiting_bytes=2, spool_lag_seconds=1.0)
        runtime.siblings = Siblings(folder, runtime.place.name)
        runtime.siblings.answers["metrics"] = partial(exposition_for_sibling, runtime)
        runtime.siblings.answers["decision"] = lambda name, own=runtime: orjson.dumps(recent_decision(own, name))
        await runtime.siblings.open()
        found.append(runtime)
    yield found
    for runtime in found:
        await runtime.siblings.close()


def samples(text: bytes, parse=parse_plain):
    return {(s.name, *sorted(s.labels.items())): s.value for family in parse(text.decode()) for s in family.samples}


@pytest.mark.parametrize(("is_open", "parse"), [(False, parse_plain), (True, parse_open)])
async def test_whoever_is_asked_shows_the_counters_of_all_by_worker(pair, is_open, parse):
    for times, runtime in enumerate(pair, 1):
        for _ in range(times):
            await serve_chat(runtime, a_chat(model="auto"), CALLER)
    texts = [(await expose(runtime, is_open_metrics=is_open))[0] for runtime in pair]
    first, second = (samples(text, parse) for text in texts)
    counted = {key: value for key, value in first.items() if key[0] == "signalbox_requests_total"}

    assert [(dict(key[1:])["worker"], value) for key, value in counted.items()] == [("0", 1), ("1", 2)]
    # Which one was asked makes no difference to any counter.
    assert {k: v for k, v in first.items() if k[0].endswith(("_total", "_bucket", "_count"))} == {
        k: v for k, v in second.items() if k[0].endswith(("_total", "_bucket", "_count"))
    }


async def test_what_the_installation_has_once_is_there_once(pair):
    found = samples((await expose(pair[0], is_open_metrics=False))[0])

    assert found["signalbox_alert_incidents_open",] == 3
    assert found["signalbox_spool_waiting_bytes",] == 2
    assert sum(1 for key in found if key[0] == "signalbox_build_info") == 1


async def test_a_process_that_does_not_answer_is_shown_as_down(pair):
    found = samples((await expose(pair[0], is_open_metrics=False))[0])
    up = {dict(key[1:])["worker"]: value for key, value in found.items() if key[0] == "signalbox_worker_up"}

    assert up == {"0": 1, "1": 1, "2": 0, "3": 0}


def test_a_process_that_leaves_has_a_label_of_its_own():
    assert _labels(["1-1", "0-2", "0-10", "1-2", "2-2"]) == {
        "0-2": "0-leaving",
        "0-10": "0",
        "1-1": "1-leaving",
        "1-2": "1",
        "2-2": "2",
    }


async def test_one_alone_has_no_label(tmp_path):
    runtime = a_runtime(tmp_path)
    text, _ = await expose(runtime, is_open_metrics=False)

    assert b"worker=" not in text and b"signalbox_worker_up 1" in text


async def test_a_decision_is_found_at_the_sibling_that_made_it(pair):
    asked, other = pair
    served = await serve_chat(other, a_chat(model="auto"), CALLER)
    decision_id = served.headers["x-router-decision-id"]

    assert asked.recent.find(decision_id) is None
    assert (await find_decision(asked, decision_id)) == (await find_decision(other, decision_id))


def test_a_place_is_read_as_it_was_written():
    place = WorkerPlace(3, 12, 4)

    assert read_place(place.variables()) == place
    assert read_place({}) is None
    assert place.name == "3-12"
    assert asyncio.iscoroutinefunction(expose)
