"""THE HOT PATH: one chat from decision to answer. Reads as one straight line; each step is a noun of its own.

Everything that runs through here is recorded, refusals too. Callers: the gateway, the playground, the demo's virtual traffic.
"""

from __future__ import annotations

import orjson

from routerapp.engine.chat import Chat
from routerapp.engine.money import usd_number
from routerapp.engine.types import CallerFacts
from routerapp.serving.answer_body import complete_answer, router_metadata
from routerapp.serving.decisions import plain_decision
from routerapp.serving.headers import answer_headers, decision_headers
from routerapp.serving.limits import take_request
from routerapp.serving.plan_job import AllFailed
from routerapp.serving.recording import Recording
from routerapp.serving.route_chat import Prepared, prepare
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused, Served
from routerapp.serving.stream_chat import open_stream
from routerapp.serving.why_refused import refusal_of, refuse_unrouted


async def serve_chat(runtime: Runtime, chat: Chat, caller: CallerFacts, origin: str = "live") -> Served:
    """The answer, or Refused. A returned stream must be read to its end or closed with aclose()."""
    recording = Recording(runtime, chat, caller, origin)
    prepared: Prepared | None = None
    try:
        take_request(runtime.live, caller, recording.at_ms)
        prepared = prepare(runtime, chat, caller)
        if chat.extras.dry_run:
            return route_answer(prepared)
        refuse_unrouted(prepared.decision)
        recording.reserve(prepared)
        recording.begin(prepared)
    except Refused as refused:
        recording.refuse(refused, prepared)
        if prepared is not None:
            refused.headers.update(recording.headers(prepared))
        raise
    runtime.live.apply(prepared.effects)
    return await (open_stream if chat.is_streaming else _plain)(recording, prepared, chat)


async def _plain(recording: Recording, prepared: Prepared, chat: Chat) -> Served:
    run = recording.runtime.attempts.run(recording.job(prepared))
    headers = recording.headers(prepared)
    try:
        reply = await run.plain()
        outcome = run.outcome
        metadata = router_metadata(recording.id, prepared.decision, outcome) if chat.extras.explain else None
        body = complete_answer(reply.body, outcome, metadata)
    except AllFailed as failure:
        refused = refusal_of(failure)
        recording.refuse(refused, prepared, failure.outcome)
        refused.headers.update(headers)
        raise refused from None
    except BaseException as problem:
        raise recording.abandon(problem, run.outcome) from problem
    end = recording.end("ok", 200, outcome=outcome)
    answer_headers(headers, end)
    return Served(recording.id, prepared.decision, 200, headers, body=body)


def route_answer(prepared: Prepared) -> Served:
    """The decision only: nothing is sent upstream, reserved or recorded, and no state moves."""
    decision = prepared.decision
    first = decision.plan[0].deployment if decision.plan else None
    deployment = prepared.snapshot.config.deployments[first] if first else None
    estimate = next((one.estimate for one in decision.candidates if one.deployment == first), None)
    document = {
        "object": "router.route",
        "outcome": decision.outcome,
        "deployment": first,
        "model": deployment.model if deployment else None,
        "provider": deployment.provider if deployment else None,
        "estimated_cost_usd": usd_number(estimate.cost_nusd) if estimate else None,
        "decision": plain_decision(decision),
    }
    headers = decision_headers("", decision)
    headers["x-router-attempts"] = "0"
    return Served("", decision, 200, headers, body=orjson.dumps(document))
