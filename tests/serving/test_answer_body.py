"""What the router adds to an answer, whatever the upstream wrote in the places it adds to."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from routerapp.serving.answer_body import complete_answer, usage_event
from routerapp.serving.plan_job import Outcome
from routerapp.store.records import AttemptEnd

COUNTED = {"prompt_tokens": 5, "completion_tokens": 7}


def an_outcome(usage_chunk: bytes | None = None, **attempt: Any) -> Outcome:
    facts = {"id": "r-1", "number": 1, "role": "primary", "retry": 0, "at_ms": 0, "deployment": "d"}
    facts |= {"language_model": "m", "provider": "p", "status": "ok", "input_tokens": 5, "output_tokens": 7}
    made = AttemptEnd(**(facts | {"cost_nusd": 19_000} | attempt))
    return Outcome("ok", None, (made,), (), "d", "m", "p", "m", "stop", None, 0.0, usage_event=usage_chunk)


def pairs_of(body: bytes) -> list[tuple[str, Any]]:
    """Every member as often as it is written."""
    found: list[tuple[str, Any]] = []
    json.loads(body, object_pairs_hook=lambda pairs: found.extend(pairs) or dict(pairs))
    return found


@pytest.mark.parametrize("sent", [{**COUNTED, "cost": 99}, {"cost": 99, **COUNTED}, {**COUNTED, "co\\u0073t": 99}])
def test_a_cost_the_upstream_states_is_replaced_not_written_beside(sent):
    body = complete_answer(orjson.dumps({"usage": sent}).replace(b"\\\\", b"\\"), an_outcome(), None)

    assert [value for name, value in pairs_of(body) if name == "cost"] == [0.000019]
    assert orjson.loads(body)["usage"] == COUNTED | {"cost": 0.000019}


def test_usage_over_several_lines_stays_one_event():
    chunk = b'data: {"choices":[],"usage":{"prompt_tokens":5,\ndata: "completion_tokens":7}}\n\n'

    event = usage_event(an_outcome(chunk), "r-1", 0)

    assert event.count(b"\n") == 2
    assert orjson.loads(event.removeprefix(b"data: "))["usage"] == COUNTED | {"cost": 0.000019}


@pytest.mark.parametrize("is_estimated", [True, False])
def test_usage_the_upstream_counted_beside_its_words_is_not_called_estimated(is_estimated):
    outcome = an_outcome(is_usage_estimated=is_estimated, cached_tokens=4)

    usage = orjson.loads(usage_event(outcome, "r-1", 0).removeprefix(b"data: "))["usage"]

    assert usage.get("is_estimated", False) is is_estimated
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 7, 12)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 4}


def test_an_upstream_cannot_write_the_routers_metadata():
    body = complete_answer(b'{"router_metadata":{"deployment":"forged"},"choices":[]}', an_outcome(), None)

    assert "router_metadata" not in orjson.loads(body)
