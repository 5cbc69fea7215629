"""Messages in the OpenAI shape as Gemini's systemInstruction and contents. Pure; says what it cannot take instead of leaving it out.

https://ai.google.dev/api/caching#Content; signatures: https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from routerapp.providers.base import Impossible

# Google's own word for "do not check", for calls that were made by another model or lost their signature on the way.
SKIP_SIGNATURE = "skip_thought_signature_validator"
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)((?:;[\w.+-]+=[^;,]*)*);base64,", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}", re.ASCII)
_AUDIO = {"wav": "audio/wav", "mp3": "audio/mp3"}
_SYSTEM = ("system", "developer")

Part = dict[str, Any]


class CannotSay(ValueError):
    """A part of a message that Gemini has no form for."""


def impossible_contents(messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Iterator[Impossible]:
    """Where and why a message cannot be said; nothing in a message may be left out."""
    names = _call_names(messages)
    for index, message in enumerate(messages):
        try:
            _parts(message, names, options)
        except CannotSay as problem:
            yield Impossible(f"messages[{index}]", str(problem), False)


def to_contents(
    messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """(systemInstruction, contents). Raises CannotSay."""
    names = _call_names(messages)
    system: list[Part] = []
    contents: list[dict[str, Any]] = []
    for message in messages:
        role = message.get("role")
        parts = _parts(message, names, options)
        if role in _SYSTEM:
            system += parts
            continue
        place = "model" if role == "assistant" else "user"
        # The answers to parallel calls stand together, as the calls did.
        if role == "tool" and contents and _holds_answers(contents[-1]):
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": place, "parts": parts})
    if not contents and system:
        return None, [{"role": "user", "parts": system}]
    return ({"parts": system} if system else None), contents


def _holds_answers(content: Mapping[str, Any]) -> bool:
    return content["role"] == "user" and all("functionResponse" in part for part in content["parts"])


def _call_names(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Id of each tool call -> the function's name: an answer names only the id."""
    names: dict[str, str] = {}
    for message in messages:
        for call in _calls(message):
            function = call.get("function")
            if isinstance(function, dict) and isinstance(call.get("id"), str):
                names[call["id"]] = str(function.get("name", ""))
    return names


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    calls = message.get("tool_calls")
    return [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []


def _parts(message: Mapping[str, Any], names: Mapping[str, str], options: Mapping[str, Any]) -> list[Part]:
    role = message.get("role")
    if role == "tool":
        return [_answer_part(message, names)]
    if role == "function" or message.get("function_call"):
        raise CannotSay("Gemini has tools, not the older functions: send tools, tool_calls and the role tool.")
    if role not in ("user", "assistant", *_SYSTEM):
        raise CannotSay(f"Gemini has no role {str(role)[:40]!r}.")
    parts = list(_content_parts(message.get("content"), options))
    if role != "assistant":
        return parts
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        parts.append({"text": refusal})
    if (signature := signature_of(message)) and parts:
        parts[-1]["thoughtSignature"] = signature
    return parts + list(_call_parts(message, options))


def _content_parts(content: Any, options: Mapping[str, Any]) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield {"text": content}
        return
    for part in content if isinstance(content, list) else ():
        kind = part.get("type")
        if kind in ("text", "refusal"):
            text = part.get(kind)
            if isinstance(text, str) and text:
                yield {"text": text}
        elif kind == "image_url":
            yield _image_part(part.get("image_url"), options)
        elif kind == "input_audio":
            yield _audio_part(part.get("input_audio"))
        elif kind == "file":
            yield _file_part(part.get("file"))
        else:
            raise CannotSay(f"Gemini has no form for content of type {str(kind)[:40]!r}.")


def _image_part(image: Any, options: Mapping[str, Any]) -> Part:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise CannotSay("An image needs a url.")
    if url.startswith("data:"):
        return _inline(url)
    if options.get("file_urls") is True and url.startswith(("https://", "http://", "gs://")):
        return {"fileData": {"fileUri": url}}
    raise CannotSay("Gemini takes images as data: URLs; send the bytes, or allow file_urls in the provider's options.")


def _audio_part(audio: Any) -> Part:
    data, form = (audio.get("data"), audio.get("format")) if isinstance(audio, dict) else (None, None)
    if not isinstance(data, str) or not isinstance(form, str) or form not in _AUDIO:
        raise CannotSay("Gemini takes audio as base64 in the formats wav and mp3.")
    return {"inlineData": {"mimeType": _AUDIO[form], "data": data}}


def _file_part(file: Any) -> Part:
    data = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(data, str) or not data.startswith("data:"):
        raise CannotSay("Gemini takes files as data: URLs in file_data; it does not know another vendor's file ids.")
    return _inline(data)


def _inline(url: str) -> Part:
    found = _DATA_URL.match(url)
    if found is None:
        raise CannotSay("A data: URL must name its type and be base64.")
    return {"inlineData": {"mimeType": found[1], "data": url[found.end() :]}}


def _call_parts(message: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Part]:
    """Only the first call of a step must carry a signature."""
    for number, call in enumerate(_calls(message)):
        function = call.get("function")
        if call.get("type", "function") != "function" or not isinstance(function, dict) or not function.get("name"):
            raise CannotSay("Gemini knows only tool calls of functions.")
        part: Part = {"functionCall": {"name": function["name"], "args": _arguments(function.get("arguments"))}}
        if isinstance(call.get("id"), str) and call["id"]:
            part["functionCall"]["id"] = call["id"]
        signature = signature_of(call)
        if signature is None and number == 0 and options.get("missing_signature", "skip") == "skip":
            signature = SKIP_SIGNATURE
        if signature is not None:
            part["thoughtSignature"] = signature
        yield part


def _arguments(text: Any) -> dict[str, Any]:
    if text in (None, ""):
        return {}
    try:
        arguments = msgspec.json.decode(text) if isinstance(text, str) else text
    except (msgspec.DecodeError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise CannotSay("Gemini takes the arguments of a tool call only as a JSON object.")
    return arguments


def _answer_part(message: Mapping[str, Any], names: Mapping[str, str]) -> Part:
    call_id = message.get("tool_call_id")
    name = names.get(call_id) if isinstance(call_id, str) else None
    name = name or message.get("name")
    if not isinstance(name, str) or not name:
        raise CannotSay("The tool's answer belongs to no call in this conversation, so its function is unknown.")
    answer: dict[str, Any] = {"name": name, "response": _answer(message.get("content"))}
    if isinstance(call_id, str) and call_id:
        answer["id"] = call_id
    return {"functionResponse": answer}


def _answer(content: Any) -> dict[str, Any]:
    """Gemini wants an object: one that was sent as JSON stays itself, anything else is the result."""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if isinstance(content, str) and content.lstrip().startswith("{"):
        try:
            found = msgspec.json.decode(content)
        except (msgspec.DecodeError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
    return {"result": content if isinstance(content, str) else ""}


def signature_of(holder: Mapping[str, Any]) -> str | None:
    """Where Google's own OpenAI layer keeps it; None when missing or not base64."""
    extra = holder.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) and _BASE64.fullmatch(signature) else None
