"""The streamed half of the hot path: events as they come, then what the router knows, then the end; or an honest error event without it.

Never another model after the first byte, never an invented finish reason.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from routerapp.engine.chat import Chat
from routerapp.serving.answer_body import router_metadata
from routerapp.serving.attempts import PlanRun
from routerapp.serving.headers import cost_text, stream_headers, warn
from routerapp.serving.plan_job import AllFailed, Outcome
from routerapp.serving.recording import Recording
from routerapp.serving.route_chat import Prepared
from routerapp.serving.served import Refused, Served
from routerapp.serving.stream_ending import ENDINGS
from routerapp.serving.why_refused import refusal_of


async def open_stream(recording: Recording, prepared: Prepared, chat: Chat) -> Served:
    """Returns once the first token has arrived; until then every failure is a plain refusal."""
    run = recording.runtime.attempts.run(recording.job(prepared))
    headers = recording.headers(prepared)
    try:
        await run.open_stream()
    except AllFailed as failure:
        refused = refusal_of(failure)
        recording.refuse(refused, prepared, failure.outcome)
        refused.headers.update(headers)
        raise refused from None
    except BaseException as problem:
        raise recording.abandon(problem, run.outcome) from problem
    _describe(headers, run.outcome, recording, prepared)
    stream = _events(run, recording, prepared, chat)
    # A generator that was never started runs no clean-up when it is closed: the caller may leave before reading anything.
    await anext(stream)
    return Served(recording.id, prepared.decision, 200, headers, stream=stream, dialect=run.outcome.dialect)


def _describe(headers: dict[str, str], outcome: Outcome, recording: Recording, prepared: Prepared) -> None:
    """The attempt whose first token is here has not ended, so the outcome does not count it yet."""
    deployment = prepared.snapshot.config.deployments[outcome.deployment]
    overhead_us = recording.overhead_us(outcome)
    warn(headers, outcome.warnings)
    stream_headers(headers, deployment, len(outcome.attempts) + 1, max(0, overhead_us))
    estimates = {one.deployment: one.estimate.cost_nusd for one in prepared.decision.candidates}
    headers["x-router-estimated-cost-usd"] = cost_text(estimates.get(outcome.deployment))


async def _events(run: PlanRun, recording: Recording, prepared: Prepared, chat: Chat) -> AsyncGenerator[bytes, None]:
    """The first event is empty and for open_stream alone: from there on, closing this ends the upstream and the record."""
    upstream, uses = run.events(), recording.uses
    ending = ENDINGS[run.outcome.dialect]
    try:
        yield b""
        async for event in upstream:
            if uses is not None:
                uses.take(event)
            yield event
        outcome = run.outcome
        if not outcome.is_complete:
            refused = refusal_of(AllFailed(outcome))
            recording.end(outcome.status, 200, refused.code, outcome)
            await recording.runtime.journal.durable()
            yield ending.failure(refused, recording.id)
            return
        end = recording.end("ok", 200, outcome=outcome)
        if recording.runtime.journal.syncs is not None:
            await recording.runtime.journal.durable()
        metadata = router_metadata(recording.id, prepared.decision, outcome) if chat.extras.explain else None
        for event in ending.last(chat, outcome, end, metadata):
            yield event
    except BaseException as problem:
        await upstream.aclose()
        await run.close()
        fault = recording.abandon(problem, run.outcome)
        if not isinstance(fault, Refused):
            raise
        await recording.runtime.journal.durable()
        yield ending.failure(fault, recording.id)
