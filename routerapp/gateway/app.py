"""The lean ASGI application under /v1: finds the endpoint, turns every failure into a clear answer. No ORM, no framework, no signals.

The last resort is here: whatever goes wrong inside becomes 500 without details, and is logged with the request id.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from routerapp.gateway import chat, embeddings, endpoints, models
from routerapp.gateway.answers import send_bytes, send_json, send_refusal
from routerapp.gateway.body import ClientGone, Receive, Scope, Send, read_headers
from routerapp.gateway.call import Call
from routerapp.gateway.messages import endpoint as messages
from routerapp.gateway.operations import readiness
from routerapp.serving.identifiers import make_id
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused, internal_error

Endpoint = Callable[[Call], Awaitable[None]]

ENDPOINTS: dict[str, tuple[str, Endpoint]] = {
    "/v1/chat/completions": ("POST", chat.complete),
    "/v1/embeddings": ("POST", embeddings.embed),
    "/v1/messages": ("POST", messages.create),
    "/v1/messages/count_tokens": ("POST", messages.count_tokens),
    "/v1/models": ("GET", models.list_models),
    "/v1/router/route": ("POST", endpoints.route),
    "/api/route": ("POST", endpoints.route),
    "/v1/feedback": ("POST", endpoints.feedback),
    "/metrics": ("GET", endpoints.metrics),
}
DECISIONS = "/v1/router/decisions/"
MESSAGES = "/v1/messages"
MODEL = models.PATH + "/"
MAX_PATH = 8 * 1024
# Beyond this, one worker's queues only grow; what is turned away at once can go elsewhere.
MAX_IN_FLIGHT = 2_000
log = logging.getLogger(__name__)


class Gateway:
    """runtime is None until the lifespan has opened it; then /livez answers and everything else is not ready."""

    def __init__(self, runtime: Runtime | None) -> None:
        self.runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/livez":
            return await send_bytes(send, 200, {}, b"ok", b"text/plain")
        if path == "/readyz":
            status, document = readiness(self.runtime)
            return await send_json(send, document, status)
        runtime = self.runtime
        if runtime is None:
            return await send_refusal(send, _not_ready("starting"), "", _dialect_of(scope))
        call = Call(runtime, scope, receive, send)
        runtime.in_flight += 1
        try:
            await self._answer(call, path)
        except ClientGone:
            runtime.metrics.refused("client_gone")
        except Refused as refused:
            await self._refuse(call, refused)
        except Exception:
            failure = internal_error()
            failure.decision_id = make_id(runtime.clock.now_ms(), runtime.random_bits)
            log.exception("Request %s failed.", failure.decision_id)
            await self._refuse(call, failure)
        finally:
            runtime.in_flight -= 1

    async def _answer(self, call: Call, path: str) -> None:
        method, endpoint = _find(path, call.scope)
        if call.scope["method"] != method:
            refused = Refused(405, "method_not_allowed", f"Use {method} here.")
            refused.headers["allow"] = method
            raise refused
        if endpoint is not endpoints.metrics:
            _check_ready(call.runtime)
        call.headers = read_headers(call.scope["headers"])
        await endpoint(call)

    async def _refuse(self, call: Call, refused: Refused) -> None:
        runtime = call.runtime
        if not refused.decision_id:
            runtime.metrics.refused(refused.code)
        if call.has_started:
            # Bytes are out: closing without the end is the only honest signal left.
            raise ConnectionAbortedError(refused.code)
        if refused.decision_id and runtime.journal.syncs is not None:
            await runtime.journal.durable()
        request_id = refused.decision_id or make_id(runtime.clock.now_ms(), runtime.random_bits)
        if (dialect := _dialect_of(call.scope)) == "anthropic":
            refused.headers["request-id"] = request_id
        await send_refusal(call.send, refused, request_id, dialect)


def _find(path: str, scope: Scope) -> tuple[str, Endpoint]:
    found = ENDPOINTS.get(path)
    if found is not None:
        return found
    if path.startswith(DECISIONS) and len(path) > len(DECISIONS) and "/" not in path[len(DECISIONS) :]:
        return "GET", endpoints.decision
    if len(path) + len(scope.get("query_string", b"")) > MAX_PATH:
        raise Refused(414, "path_too_long", "The address is too long.")
    if path.startswith(MODEL) and len(path) > len(MODEL):
        # Names hold slashes: provider/model.
        return "GET", models.one_model
    raise Refused(404, "not_found", "There is nothing here. See docs/api.md for the addresses that exist.")


def _dialect_of(scope: Scope) -> str:
    """In which an error is told; paths below are counted in, so that a mistyped one is answered in the dialect of its caller."""
    path = scope["path"]
    if path == models.PATH or path.startswith(MODEL):
        return "anthropic" if models.speaks_anthropic(scope) else "openai"
    return "anthropic" if path == MESSAGES or path.startswith(MESSAGES + "/") else "openai"


def _check_ready(runtime: Runtime) -> None:
    if not runtime.has_snapshot:
        raise _not_ready("starting")
    if runtime.is_closing:
        raise _not_ready("draining")
    if runtime.is_stale:
        raise _not_ready("configuration_too_old")
    if runtime.in_flight > MAX_IN_FLIGHT:
        raise _not_ready("overloaded")


def _not_ready(code: str) -> Refused:
    sentences = {
        "starting": "Signalbox is starting.",
        "overloaded": "This worker has too many requests in flight; send it again in a moment.",
        "draining": "This worker is stopping; send the request again.",
        "configuration_too_old": "The configuration could not be confirmed for too long; nothing is served until it can.",
    }
    return Refused(503, code, sentences[code], source="router", retry_after_ms=1_000)
