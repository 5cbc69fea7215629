"""The small endpoints of the gateway: route, decisions, feedback, metrics. Each is one short coroutine over a Call."""

from __future__ import annotations

import hmac
import ipaddress

from routerapp.gateway.all_workers import expose
from routerapp.gateway.answers import send_bytes, send_json
from routerapp.gateway.authenticate import (
    CHAT,
    READS_ALL_DECISIONS,
    authenticate,
    may_read,
    require_scope,
)
from routerapp.gateway.call import Call
from routerapp.gateway.chat import read_chat
from routerapp.gateway.exposition import wants_open_metrics
from routerapp.serving.admission import Admission
from routerapp.serving.decisions import find_decision, not_found
from routerapp.serving.feedback import feedback_answer, give_feedback, source_of
from routerapp.serving.recording import spool_full
from routerapp.serving.route_chat import prepare
from routerapp.serving.serve_chat import route_answer
from routerapp.serving.served import Refused


async def route(call: Call) -> None:
    """The same reading, checks and decide as a chat; nothing is sent upstream and nothing recorded."""
    caller = await authenticate(call.runtime, call.headers)
    require_scope(caller, CHAT)
    chat = await read_chat(call)
    admission = Admission(call.runtime, chat, caller, call.runtime.clock.now_ms())
    if call.runtime.shared is not None:
        await admission.cover()
    admission.enter()
    try:
        served = route_answer(prepare(call.runtime, chat, caller), admission.headers())
    finally:
        admission.release()
    await call.reply(served.status, served.headers, served.body or b"")


async def decision(call: Call) -> None:
    caller = await authenticate(call.runtime, call.headers)
    document = await find_decision(call.runtime, call.scope["path"].rpartition("/")[2])
    if not may_read(caller, document["key"]):
        raise not_found()
    await send_json(call.send, document)


async def feedback(call: Call) -> None:
    caller = await authenticate(call.runtime, call.headers)
    require_scope(caller, CHAT)
    document = await call.document()
    given = give_feedback(call.runtime, document, source_of(caller), call.headers.get("idempotency-key"))
    if not await call.runtime.journal.durable():
        raise spool_full()
    await send_json(call.send, feedback_answer(given), 202)


async def metrics(call: Call) -> None:
    """For the metrics token, or a key that may read. Without a token set, this machine needs neither."""
    if not _is_scraper(call):
        caller = await authenticate(call.runtime, call.headers)
        if READS_ALL_DECISIONS.isdisjoint(caller.scopes):
            raise Refused(403, "scope_missing", "Metrics need an API key with the scope 'read'.")
    text, kind = await expose(call.runtime, is_open_metrics=wants_open_metrics(call.headers.get("accept", "")))
    await send_bytes(call.send, 200, {}, text, kind)


def _is_scraper(call: Call) -> bool:
    token = call.runtime.metrics_token
    if token is None:
        return _is_local(call)
    kind, _, shown = call.headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())


def _is_local(call: Call) -> bool:
    """A request a proxy has passed on is not local, wherever the proxy runs."""
    if "x-forwarded-for" in call.headers or "forwarded" in call.headers:
        return False
    client = call.scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
