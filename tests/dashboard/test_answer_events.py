"""The playground's events: who leaves before the first of them was read leaves nothing running."""

from __future__ import annotations

import orjson

from dashboard.answer_events import answer_lines
from routerapp.serving.serve_chat import serve_chat
from tests.runtimes import CALLER, QUICK, a_chat, a_runtime, a_snapshot, journal_of


async def test_leaving_after_the_start_ends_the_upstream_and_the_record(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(simulations={"cheap": QUICK | {"output_tokens": {"mean": 400}}}))
    served = await serve_chat(runtime, a_chat(stream=True), CALLER, origin="playground")

    lines = answer_lines(served, {"model": "cheap"}, lambda: 1)
    first = orjson.loads(await anext(lines))
    await lines.aclose()

    assert (first["kind"], first["decision"]) == ("start", served.decision_id)
    assert journal_of(runtime)[-1].status == "cancelled"
    assert runtime.live.view(runtime.clock.now_ms()).deployments["cheap"].in_flight == 0


async def test_an_answer_read_to_its_end_is_text_then_usage_then_end(tmp_path):
    runtime = a_runtime(tmp_path)
    served = await serve_chat(runtime, a_chat(stream=True, stream_options={"include_usage": True}), CALLER)

    kinds = [orjson.loads(one)["kind"] async for one in answer_lines(served, {}, lambda: 1)]

    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert kinds.index("text") < kinds.index("usage")
    assert journal_of(runtime)[-1].status == "ok"
