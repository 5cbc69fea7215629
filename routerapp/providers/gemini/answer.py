"""Gemini's candidates, finish reasons and usage as the OpenAI dialect has them. Pure; everything read here comes from outside.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.providers.base import Usage
from routerapp.providers.errors import BadAnswer
from routerapp.providers.gemini.words import encode

FINISHED = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_MOST_TOKENS = 1 << 31


class Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: Any = None
    finish_reason: Any = None
    index: Any = None
    logprobs_result: Any = None


class Answer(msgspec.Struct, gc=False, rename="camel"):
    """One GenerateContentResponse, whole or one event of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Any = None
    usage_metadata: Any = None
    model_version: Any = None
    response_id: Any = None
    error: Any = None


class Parts(msgspec.Struct):
    """What one candidate's parts hold, in OpenAI's words. tool_calls have no index yet."""

    content: str = ""
    reasoning: str = ""
    signature: str | None = None
    tool_calls: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []


decode_answer = msgspec.json.Decoder(Answer).decode


def read_parts(candidate: Candidate, call_prefix: str, calls_before: int = 0) -> Parts:
    """Ids are made up where Gemini sends none: unique within the answer is all they must be. Raises BadAnswer."""
    content = candidate.content
    listed = content.get("parts") if isinstance(content, dict) else None
    if (content is not None and not isinstance(content, dict)) or not isinstance(listed, list | None):
        raise BadAnswer("The upstream's candidate is not in Gemini's form.")
    found = Parts(tool_calls=[], images=[])
    for part in listed or ():
        if not isinstance(part, dict):
            raise BadAnswer("The upstream's candidate is not in Gemini's form.")
        _read_part(part, found, f"{call_prefix}_{calls_before + len(found.tool_calls)}")
    return found


def _read_part(part: Mapping[str, Any], found: Parts, call_id: str) -> None:
    signature = part.get("thoughtSignature")
    signature = signature if isinstance(signature, str) and signature else None
    if "functionCall" in part:
        found.tool_calls.append(_tool_call(part["functionCall"], call_id, signature))
        return
    text = part.get("text")
    if isinstance(text, str):
        if part.get("thought") is True:
            found.reasoning += text
        else:
            found.content += text
    elif isinstance(inline := part.get("inlineData"), dict):
        url = f"data:{inline.get('mimeType', '')};base64,{inline.get('data', '')}"
        found.images.append({"type": "image_url", "image_url": {"url": url}})
    found.signature = signature or found.signature


def _tool_call(call: Any, call_id: str, signature: str | None) -> dict[str, Any]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise BadAnswer("The upstream calls a function without a name.")
    arguments = call.get("args")
    if not isinstance(arguments, dict | None):
        raise BadAnswer("The upstream calls a function with arguments that are no object.")
    own_id = call.get("id")
    found = {
        "id": own_id if isinstance(own_id, str) and own_id else call_id,
        "type": "function",
        "function": {"name": call["name"], "arguments": encode(arguments or {}).decode()},
    }
    return found | google(signature)


def google(signature: str | None) -> dict[str, Any]:
    """Where Google's own OpenAI layer puts a thought signature, so that clients which keep extras carry it to the next turn."""
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def reason_for(stated: Any, *, has_calls: bool, has_content: bool) -> str:
    """Never invented. Raises BadAnswer for a reason that says the answer is no use, such as MALFORMED_FUNCTION_CALL."""
    word = FINISHED.get(stated) if isinstance(stated, str) else None
    if word is None:
        # OTHER and reasons newer than this table end an answer that has something in it; the rest is a failure.
        if (
            has_content
            and not has_calls
            and not str(stated).startswith(("MALFORMED", "UNEXPECTED", "MISSING", "TOO_MANY"))
        ):
            return "stop"
        raise BadAnswer(f"Gemini ended its answer with {str(stated)[:60]}.")
    return "tool_calls" if word == "stop" and has_calls else word


def block_reason(answer: Answer) -> str | None:
    """Why the prompt itself was refused; None when it was not."""
    feedback = answer.prompt_feedback
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return str(reason)[:60] if reason else None


def usage_of(metadata: Any) -> Usage | None:
    """Thoughts are billed as output; what tools read is billed as input."""
    if not isinstance(metadata, dict):
        return None
    read = _count(metadata.get("promptTokenCount"))
    if read is None:
        return None
    read += _count(metadata.get("toolUsePromptTokenCount")) or 0
    written = (_count(metadata.get("candidatesTokenCount")) or 0) + (_count(metadata.get("thoughtsTokenCount")) or 0)
    return Usage(read, written, _count(metadata.get("cachedContentTokenCount")))


def openai_usage(metadata: Any) -> dict[str, Any] | None:
    usage = usage_of(metadata)
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": (usage.input_tokens or 0) + (usage.output_tokens or 0),
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
        "completion_tokens_details": {"reasoning_tokens": _count(metadata.get("thoughtsTokenCount")) or 0},
    }


def logprobs_of(result: Any) -> dict[str, Any] | None:
    """Chosen tokens with their alternatives; None where Gemini sent none or something else."""
    chosen = result.get("chosenCandidates") if isinstance(result, dict) else None
    if not isinstance(chosen, list):
        return None
    others = result.get("topCandidates")
    others = others if isinstance(others, list) else []
    content = []
    for number, one in enumerate(chosen):
        listed = others[number].get("candidates") if number < len(others) and isinstance(others[number], dict) else None
        tops = (
            [_logprob(other) for other in listed or () if isinstance(other, dict)] if isinstance(listed, list) else []
        )
        content.append(_logprob(one if isinstance(one, dict) else {}) | {"top_logprobs": tops})
    return {"content": content, "refusal": None}


def _logprob(one: Mapping[str, Any]) -> dict[str, Any]:
    token = one.get("token")
    token = token if isinstance(token, str) else ""
    value = one.get("logProbability")
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
    return {"token": token, "logprob": number, "bytes": list(token.encode("utf-8", "surrogatepass"))}


def index_of(candidate: Candidate, position: int) -> int:
    return candidate.index if type(candidate.index) is int and 0 <= candidate.index < 64 else position


def text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def text_bytes(parts: Parts) -> int:
    """UTF-8 length of everything generated, for counting where usage is missing."""
    calls = "".join(call["function"]["name"] + call["function"]["arguments"] for call in parts.tool_calls)
    return len((parts.content + parts.reasoning + calls).encode("utf-8", "surrogatepass"))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None
