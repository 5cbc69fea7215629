"""OpenAI's chat completions and embeddings as documented (the shapes are those its SDK publishes), and Azure OpenAI's two doors to them."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

from openai.types import EmbeddingCreateParams
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from tests.matrix.wire.asked import INPUT_TOKENS, OUTPUT_TOKENS, Asked, Said, answer
from tests.matrix.wire.server import Answer, Refusal, Request
from tests.matrix.wire.shape import Fault, fault_in

VECTORS = ((0.25, -0.5), (1.0, 0.125))
_USAGE = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
_USAGE["total_tokens"] = INPUT_TOKENS + OUTPUT_TOKENS
# What OpenAI's own answers and SDKs put into an assistant's message, and its server takes back without a word.
_ECHOED = ("annotations", "parsed", "parsed_arguments")
_FRAME = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "gpt-of-the-test", "system_fingerprint": "fp_1"}


class OpenAI:
    def __init__(self, credential: str) -> None:
        self.credential = credential

    def answer(self, request: Request) -> Answer:
        path = self.path_of(request)
        if path == "/embeddings":
            return Answer(_embeddings(_checked(request.body, EmbeddingCreateParams)))
        if path != "/chat/completions":
            raise _refusal(404, f"Invalid URL (POST {request.path})", None, None)
        is_streaming = request.body.get("stream") is True
        body = _checked(
            request.body, CompletionCreateParamsStreaming if is_streaming else CompletionCreateParamsNonStreaming
        )
        _check_conversation(body["messages"])
        said = answer(_asked(body))
        if is_streaming:
            wants_usage = (body.get("stream_options") or {}).get("include_usage") is True
            return Answer(events=tuple(self.events(said, wants_usage)))
        return Answer(_completion(said))

    def path_of(self, request: Request) -> str:
        if request.headers.get("authorization") != f"Bearer {self.credential}":
            raise _refusal(401, "Incorrect API key provided.", None, "invalid_api_key")
        return request.path.removeprefix("/v1")

    def events(self, said: Said, wants_usage: bool) -> Iterator[bytes]:
        usage = {"usage": None} if wants_usage else {}
        for delta, finish in _deltas(said):
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            yield _event({**_FRAME, "object": "chat.completion.chunk", "choices": [choice], **usage})
        if wants_usage:
            yield _event({**_FRAME, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
        yield b"data: [DONE]\n\n"


class Azure(OpenAI):
    """api_version: of the dated API, whose address names the deployment; None is the v1 API."""

    def __init__(self, credential: str, deployments: tuple[str, ...], api_version: str | None = None) -> None:
        super().__init__(credential)
        self.deployments = deployments
        self.api_version = api_version

    def path_of(self, request: Request) -> str:
        if request.headers.get("api-key") != self.credential or "authorization" in request.headers:
            raise _refusal(401, "Access denied due to invalid subscription key or wrong API endpoint.", None, "401")
        path, _, query = request.path.partition("?")
        if self.api_version is None:
            if query or not path.startswith("/openai/v1/"):
                raise _refusal(404, "Resource not found", None, "404")
            if request.body.get("model") not in self.deployments:
                raise _refusal(404, "The API deployment for this resource does not exist.", None, "DeploymentNotFound")
            return path.removeprefix("/openai/v1")
        found = [one for one in self.deployments if path.startswith(f"/openai/deployments/{one}/")]
        if not found or query != f"api-version={self.api_version}":
            raise _refusal(404, "Resource not found", None, "404")
        return path.removeprefix(f"/openai/deployments/{found[0]}")

    def events(self, said: Said, wants_usage: bool) -> Iterator[bytes]:
        results = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]
        frame = {"id": "", "created": 0, "model": "", "object": "", "choices": []}
        yield _event({**frame, "prompt_filter_results": results})
        yield from super().events(said, wants_usage)


def _refusal(status: int, message: str, param: str | None, code: str | None) -> Refusal:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return Refusal(status, {"error": error})


def _checked(body: Any, shape: Any) -> dict[str, Any]:
    fault = fault_in(_without_echo(body), shape)
    if fault is not None:
        raise _refusal(400, _words(fault), fault.path, "unknown_parameter" if fault.kind == "unknown" else None)
    return dict(body)


def _without_echo(body: Any) -> Any:
    def plain(message: Any) -> Any:
        if not isinstance(message, dict) or message.get("role") != "assistant":
            return message
        found = {name: value for name, value in message.items() if name not in _ECHOED}
        if isinstance(calls := found.get("tool_calls"), list):
            found["tool_calls"] = [_without_parsed(call) for call in calls]
        return found

    return (
        {**body, "messages": [plain(one) for one in body["messages"]]}
        if isinstance(body.get("messages"), list)
        else body
    )


def _without_parsed(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    plain = {name: value for name, value in function.items() if name not in _ECHOED}
    return {name: value for name, value in call.items() if name != "index"} | {"function": plain}


def _words(fault: Fault) -> str:
    return {
        "unknown": f"Unrecognized request argument supplied: {fault.path}",
        "missing": f"Missing required parameter: '{fault.path}'.",
        "wrong": f"Invalid value for '{fault.path}'.",
    }[fault.kind]


def _check_conversation(messages: list[dict[str, Any]]) -> None:
    """Every call is answered at once, and nothing else is."""
    waiting: list[str] = []
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
                raise _refusal(400, f"Invalid parameter: {text}", f"messages.[{index}].role", None)
            waiting.remove(message["tool_call_id"])
        elif waiting:
            break
        waiting += [call["id"] for call in message.get("tool_calls") or ()]
    if waiting:
        text = f"'tool_calls' must be followed by tool messages responding to each 'tool_call_id': {', '.join(waiting)}"
        raise _refusal(400, f"An assistant message with {text}", "messages", None)


def _asked(body: dict[str, Any]) -> Asked:
    asked = Asked(tools=[tool["function"]["name"] for tool in body.get("tools") or ()])
    for message in body["messages"]:
        role, content = message["role"], message.get("content")
        if role in ("system", "developer"):
            asked.system += _text(content)
        elif role == "tool":
            asked.results.append(_text(content))
        elif role == "user":
            asked.prompt = _text(content)
            for part in content if isinstance(content, list) else ():
                _take(part, asked)
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        asked.schema = form["json_schema"]["schema"]
        _check_strict(form["json_schema"])
    asked.wants_json = form.get("type") == "json_object"
    return asked


def _check_strict(wrapper: dict[str, Any]) -> None:
    schema = wrapper["schema"]
    if wrapper.get("strict") and schema.get("additionalProperties") is not False:
        text = "In context=(), 'additionalProperties' is required to be supplied and to be false."
        raise _refusal(400, f"Invalid schema for response_format '{wrapper['name']}': {text}", "response_format", None)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content or () if part["type"] == "text")


def _take(part: dict[str, Any], asked: Asked) -> None:
    if part["type"] == "image_url":
        url = part["image_url"]["url"]
        asked.files.append(_data(url)) if url.startswith("data:") else asked.addresses.append(url)
    elif part["type"] == "file":
        asked.files.append(_data(part["file"]["file_data"]))


def _data(url: str) -> tuple[str, bytes]:
    head, _, data = url.partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data, validate=True)


def _calls(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
        }
        for number, (name, arguments) in enumerate(said.calls)
    ]


def _completion(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None, "annotations": []}
    if said.calls:
        message["tool_calls"] = _calls(said)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(said)}
    return {**_FRAME, "object": "chat.completion", "choices": [choice], "usage": _USAGE, "service_tier": "default"}


def _deltas(said: Said) -> Iterator[tuple[dict[str, Any], str | None]]:
    yield {"role": "assistant", "content": None if said.calls else "", "refusal": None}, None
    for piece in said.pieces:
        yield {"content": piece}, None
    for index, call in enumerate(_calls(said)):
        arguments = call["function"]["arguments"]
        yield {"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]}, None
        for start in range(0, len(arguments), 6):
            piece = {"arguments": arguments[start : start + 6]}
            yield {"tool_calls": [{"index": index, "function": piece}]}, None
    yield {}, _finish(said)


def _finish(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    wanted = body["input"] if isinstance(body["input"], list) else [body["input"]]
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if as_base64 else list(vector)}
        for index, vector in enumerate(VECTORS[: len(wanted)])
    ]
    usage = {"prompt_tokens": INPUT_TOKENS, "total_tokens": INPUT_TOKENS}
    return {"object": "list", "data": data, "model": "embedding-of-the-test", "usage": usage}


def _packed(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
