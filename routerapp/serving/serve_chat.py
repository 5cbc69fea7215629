"""THE HOT PATH: one chat from decision to answer. Reads as one straight line; each step is a noun of its own.

Everything that runs through here is recorded, refusals too. Callers: the gateway, the playground, the demo's virtual traffic.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from routerapp.engine.chat import Chat
from routerapp.engine.money import usd_number
from routerapp.engine.types import CallerFacts
from routerapp.serving.admission import Admission
from routerapp.serving.answer_body import complete_answer, router_metadata
from routerapp.serving.answer_uses import uses_of
from routerapp.serving.decisions import plain_decision
from routerapp.serving.headers import answer_headers, decision_headers
from routerapp.serving.plan_job import AllFailed
from routerapp.serving.recording import Recording
from routerapp.serving.route_chat import Prepared, prepare
from routerapp.serving.runtime import Runtime
from routerapp.serving.serve_stored import serve_stored
from routerapp.serving.served import Refused, Served
from routerapp.serving.stream_chat import open_stream
from routerapp.serving.why_refused import refusal_of, refuse_unrouted


async def serve_chat(runtime: Runtime, chat: Chat, caller: CallerFacts, origin: str = "live") -> Served:
    """The answer, or Refused. A returned stream must be read to its end or closed with aclose()."""
    recording = Recording(runtime, chat, caller, origin)
    prepared: Prepared | None = None
    try:
        if runtime.shared is None:
            recording.admission.enter()
            prepared = prepare(runtime, chat, caller)
        else:
            prepared = await _prepare_together(recording.admission, runtime, chat, caller)
        if chat.extras.dry_run:
            recording.admission.release()
            return route_answer(prepared, recording.admission.headers())
        recording.uses = uses_of(runtime, prepared, chat, caller)
        refuse_unrouted(prepared.decision)
        stored = None if recording.uses is None else recording.uses.stored
        if stored is None:
            recording.admission.take(prepared)
        recording.begin(prepared)
        if runtime.journal.syncs is not None and stored is None:
            await recording.begun(prepared)
    except Refused as refused:
        recording.admission.explain(refused, prepared)
        recording.refuse(refused, prepared)
        refused.headers.update(recording.headers(prepared) if prepared is not None else recording.admission.headers())
        raise
    except BaseException:
        recording.admission.release()
        raise
    if stored is not None:
        served = serve_stored(recording, stored, prepared, chat)
        await runtime.journal.durable()
        return served
    if runtime.journal.syncs is None:
        runtime.live.apply(prepared.effects)
    return await (open_stream if chat.is_streaming else _plain)(recording, prepared, chat)


async def _prepare_together(admission: Admission, runtime: Runtime, chat: Chat, caller: CallerFacts) -> Prepared:
    """Where limits are shared with other processes: waits for its share of them only where what is here does not do."""
    await admission.cover()
    admission.enter()
    prepared = prepare(runtime, chat, caller)
    while await admission.cover_plan(prepared):
        prepared = prepare(runtime, chat, caller)
    return prepared


async def _plain(recording: Recording, prepared: Prepared, chat: Chat) -> Served:
    run = recording.runtime.attempts.run(recording.job(prepared))
    headers = recording.headers(prepared)
    try:
        reply = await run.plain()
        outcome = run.outcome
        if recording.uses is not None:
            recording.uses.take(reply.body)
        metadata = router_metadata(recording.id, prepared.decision, outcome) if chat.extras.explain else None
        body = complete_answer(reply.body, outcome, metadata, reply.raw_usage)
    except AllFailed as failure:
        refused = refusal_of(failure)
        recording.refuse(refused, prepared, failure.outcome)
        refused.headers.update(headers)
        raise refused from None
    except BaseException as problem:
        raise recording.abandon(problem, run.outcome) from problem
    end = recording.end("ok", 200, outcome=outcome)
    if recording.runtime.journal.syncs is not None:
        await recording.runtime.journal.durable()
    answer_headers(headers, end)
    return Served(recording.id, prepared.decision, 200, headers, body=body, dialect=outcome.dialect)


def route_answer(prepared: Prepared, limits: Mapping[str, str]) -> Served:
    """The decision only: nothing is sent upstream, reserved or recorded, and no state moves. limits: the headers about them."""
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
    headers = {**decision_headers("", decision), **limits}
    headers["x-router-attempts"] = "0"
    return Served("", decision, 200, headers, body=orjson.dumps(document))
