"""Google Gemini's own API as documented: generateContent, streamGenerateContent, batchEmbedContents."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.matrix.wire.asked import INPUT_TOKENS, OUTPUT_TOKENS, Asked, Said, answer
from tests.matrix.wire.gemini_shape import DATA, BatchEmbedContentsRequest, GenerateContentRequest
from tests.matrix.wire.openai import VECTORS
from tests.matrix.wire.server import Answer, Refusal, Request
from tests.matrix.wire.shape import Fault, fault_in

SIGNATURE = base64.b64encode(b"signed by the model").decode()
# Words the documentation gives to callers whose call was not made by the model.
SKIPPED = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_FUNCTION = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_STATUSES = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_USAGE = {
    "promptTokenCount": INPUT_TOKENS,
    "candidatesTokenCount": OUTPUT_TOKENS,
    "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
}


class Gemini:
    """models: those that exist."""

    def __init__(self, credential: str, models: tuple[str, ...]) -> None:
        self.credential = credential
        self.models = models

    def answer(self, request: Request) -> Answer:
        if request.headers.get("x-goog-api-key") != self.credential or "authorization" in request.headers:
            raise _refusal(403, "Method doesn't allow unregistered callers.")
        path, _, query = request.path.partition("?")
        model, _, verb = path.removeprefix("/v1beta/models/").partition(":")
        if model not in self.models or query not in ("", "alt=sse") or (query and not verb.startswith("stream")):
            raise _refusal(404, f"models/{model} is not found for API version v1beta, or not supported for {verb}.")
        if verb == "batchEmbedContents":
            return Answer(_embeddings(_checked(request.body, BatchEmbedContentsRequest), model))
        if verb not in ("generateContent", "streamGenerateContent"):
            raise _refusal(404, f"Unknown method {verb}.")
        body = _checked(request.body, GenerateContentRequest)
        _check_contents(body["contents"])
        said = answer(_asked(body))
        if query == "alt=sse":
            return Answer(events=tuple(_events(said)))
        return Answer(_whole([_part(one) for one in _parts(said)], "STOP"))


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": status, "message": message, "status": _STATUSES[status]}})


def _checked(body: Any, shape: Any) -> dict[str, Any]:
    fault = fault_in(body, shape)
    if fault is not None:
        raise _refusal(400, _words(fault))
    for tool in body.get("tools") or ():
        for function in tool.get("functionDeclarations") or ():
            if not _FUNCTION.fullmatch(function["name"]) or {"parameters", "parametersJsonSchema"} <= function.keys():
                raise _refusal(400, f"Invalid function declaration {function['name']}.")
    config = body.get("generationConfig") or {}
    if "responseJsonSchema" in config and config.get("responseMimeType") != "application/json":
        raise _refusal(400, "response_json_schema is only supported with response_mime_type application/json.")
    return dict(body)


def _words(fault: Fault) -> str:
    *above, name = fault.where
    place = ".".join(map(str, above))
    return {
        "unknown": f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field.",
        "missing": f"* {fault.path}: must be specified",
        "wrong": f"Invalid value at '{fault.path}'",
    }[fault.kind]


def _check_contents(contents: list[dict[str, Any]]) -> None:
    """As many answers as calls, right after them, under their names; calls of the running turn carry a signature."""
    if not contents or contents[-1].get("role") == "model":
        raise _refusal(400, "Please ensure that single turn requests end with a user role.")
    waiting: list[str] = []
    for index, content in enumerate(contents):
        if not content["parts"] or any(len(part.keys() & {*DATA}) != 1 for part in content["parts"]):
            raise _refusal(400, f"contents[{index}].parts: must have one initialized field")
        answers = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        if sorted(answers) != sorted(waiting):
            text = "the number of function response parts is equal to the number of function call parts"
            raise _refusal(400, f"Please ensure that {text} of the function call turn.")
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and calls[0].get("thoughtSignature") not in (SIGNATURE, *SKIPPED):
            raise _refusal(400, f"Function call is missing a thought_signature in functionCall parts ({index}).")
        waiting = [part["functionCall"]["name"] for part in calls]


def _asked(body: dict[str, Any]) -> Asked:
    declared = [one["name"] for tool in body.get("tools") or () for one in tool.get("functionDeclarations") or ()]
    asked = Asked(tools=declared)
    asked.system = "".join(part["text"] for part in (body.get("systemInstruction") or {}).get("parts", ()))
    for content in body["contents"]:
        if content.get("role") == "model":
            continue
        asked.prompt = "".join(part.get("text", "") for part in content["parts"]) or asked.prompt
        for part in content["parts"]:
            _take(part, asked)
    config = body.get("generationConfig") or {}
    asked.schema = config.get("responseJsonSchema")
    asked.wants_json = asked.schema is None and config.get("responseMimeType") == "application/json"
    return asked


def _take(part: dict[str, Any], asked: Asked) -> None:
    if "inlineData" in part:
        blob = part["inlineData"]
        asked.files.append((blob["mimeType"], base64.b64decode(blob["data"], validate=True)))
    elif "fileData" in part:
        asked.addresses.append(part["fileData"]["fileUri"])
    elif "functionResponse" in part:
        asked.results.append(str(part["functionResponse"]["response"]["result"]))


def _parts(said: Said) -> Iterator[Any]:
    yield from said.pieces
    yield from enumerate(said.calls)


def _part(one: Any) -> dict[str, Any]:
    """Only the first of several calls is signed."""
    if isinstance(one, str):
        return {"text": one}
    number, (name, arguments) = one
    part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments, "id": f"fc-{number}"}}
    return part if number else {**part, "thoughtSignature": SIGNATURE}


def _whole(parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": _USAGE,
        "modelVersion": "gemini-of-the-test",
        "responseId": "response-1",
    }


def _events(said: Said) -> Iterator[bytes]:
    """Google ends its lines with \\r\\n, and its last event carries the reason beside an empty text."""
    documents = [_whole([_part(one)], None) for one in _parts(said)]
    documents.append(_whole([{"text": ""}], "STOP"))
    for document in documents:
        yield b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\r\n\r\n"


def _embeddings(body: dict[str, Any], model: str) -> dict[str, Any]:
    if any(one["model"] != f"models/{model}" for one in body["requests"]):
        raise _refusal(400, "The model of every request in the batch must be the model of the batch.")
    return {"embeddings": [{"values": list(vector)} for vector in VECTORS[: len(body["requests"])]]}
