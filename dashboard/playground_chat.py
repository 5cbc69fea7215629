"""From the playground's form to a chat as the gateway would read it, and to the body a caller would send for the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest
from msgspec.structs import replace

from routerapp.engine.chat import Chat, RouterExtras
from routerapp.engine.types import CallerFacts, Decision
from routerapp.serving.runtime import Runtime

# The playground may reach every version in the snapshot, as a key with this scope may.
CALLER = CallerFacts(slug="playground", scopes=("chat", "policy:pin"))


def caller_for(request: HttpRequest) -> CallerFacts:
    """Nobody's key, but the person's team: what is run here is spent out of its budget."""
    team = getattr(request.user, "team", None)
    return CALLER if team is None else dataclasses.replace(CALLER, team=team.slug)


def request_body(given: Mapping[str, Any], target: str) -> dict[str, Any]:
    """The body as a caller would send it: without what was left empty."""
    messages = [{"role": "system", "content": given["system"]}] if given.get("system") else []
    body: dict[str, Any] = {
        "model": model_name(target),
        "messages": [*messages, {"role": "user", "content": given["prompt"]}],
    }
    for name in ("temperature", "max_tokens"):
        if given.get(name) is not None:
            body[name] = given[name]
    if given.get("json_mode"):
        body["response_format"] = {"type": "json_object"}
    if given.get("stream"):
        body["stream"] = True
    return body


def model_name(target: str) -> str:
    """What a caller would send as model. A draft has no name for callers: they would send auto."""
    kind, _, name = target.partition(":")
    return {"policy": f"policy/{name}", "version": f"policy/{name}", "model": name}.get(kind, "auto")


def subject_of(target: str) -> str:
    """What simulate() calls it: drafts and versions by their own name, the rest by the chat's model."""
    return target if target.startswith(("draft:", "version:")) else ""


def as_chat(body: Mapping[str, Any], wants_stream: bool | None = None) -> Chat:
    """The chat of this body. wants_stream overrides what the body says."""
    fields = dict(body)
    is_streaming = bool(fields.get("stream")) if wants_stream is None else wants_stream
    fields.pop("stream", None)
    if is_streaming:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    raw = {name: orjson.dumps(value) for name, value in fields.items()}
    return Chat(
        requested_model=str(body["model"]),
        fields=raw,
        messages=tuple(body["messages"]),
        is_streaming=is_streaming,
        wants_stream_usage=is_streaming,
        max_tokens=body.get("max_tokens"),
        response_format="json_object" if "response_format" in body else None,
        body_bytes=sum(map(len, raw.values())),
    )


def pinned_to(chat: Chat, decision: Decision, runtime: Runtime) -> Chat | None:
    """The chat sent straight to what a draft decided, its fallbacks after it; None when the draft routes it nowhere."""
    if not decision.plan:
        return None
    deployments = runtime.snapshot.config.deployments
    first, *rest = [deployments[step.deployment] for step in decision.plan]
    name = f"{first.provider}/{first.model}"
    extras = RouterExtras(
        models=(f"deployment:{first.slug}", *(f"deployment:{one.slug}" for one in rest)),
        fallbacks=tuple(f"deployment:{one.slug}" for one in rest),
    )
    return replace(chat, requested_model=name, extras=extras, fields={**chat.fields, "model": orjson.dumps(name)})
