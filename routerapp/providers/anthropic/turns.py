"""Messages of the OpenAI dialect as the system prompt and alternating turns of the Messages API. Pure.

System and developer messages are lifted to the front, tool results open the user's turn, neighbours of one role become one turn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from routerapp.engine.chat import Impossible
from routerapp.providers.anthropic.blocks import Block, CannotSay, blocks_of, with_cache_control

# The vendor's own wrapper for arguments that are no JSON object:
# https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming
INVALID_JSON = "INVALID_JSON"
_SYSTEM = ("system", "developer")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")

Turn = dict[str, Any]


def impossible_messages(messages: Sequence[Mapping[str, Any]]) -> Iterator[Impossible]:
    """Where and why a message cannot be said; nothing in a message may be left out."""
    for index, message in enumerate(messages):
        try:
            _blocks(message)
        except CannotSay as problem:
            yield Impossible(f"messages[{index}]", str(problem), False)
    if all(message.get("role") in _SYSTEM for message in messages):
        yield Impossible("messages", "Anthropic needs a message beside the system prompt.", False)


def to_turns(messages: Sequence[Mapping[str, Any]]) -> tuple[list[Block], list[Turn]]:
    """(system, messages). Raises CannotSay."""
    system: list[Block] = []
    turns: list[Turn] = []
    for message in messages:
        role = message.get("role")
        blocks = _blocks(message)
        if role in _SYSTEM:
            system += blocks
            continue
        place = "assistant" if role == "assistant" else "user"
        if turns and turns[-1]["role"] == place:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": place, "content": blocks})
    for turn in turns:
        if turn["role"] == "user":
            turn["content"].sort(key=_is_no_result)
    _trim_prefill(turns)
    return system, turns


def _is_no_result(block: Block) -> bool:
    return bool(block["type"] != "tool_result")


def _trim_prefill(turns: list[Turn]) -> None:
    """The vendor refuses a conversation whose last words, the beginning of its own answer, end in white space."""
    if turns and turns[-1]["role"] == "assistant" and turns[-1]["content"][-1]["type"] == "text":
        last = turns[-1]["content"][-1]
        last["text"] = last["text"].rstrip()
        if not last["text"]:
            turns[-1]["content"].pop()
        if not turns[-1]["content"]:
            turns.pop()


def _blocks(message: Mapping[str, Any]) -> list[Block]:
    """One message's blocks. Raises CannotSay."""
    role = message.get("role")
    if role == "tool":
        return [with_cache_control(_tool_result(message), message)]
    if role == "function" or message.get("function_call"):
        raise CannotSay("Anthropic has tools, not the older functions: send tools, tool_calls and the role tool.")
    if role not in ("user", "assistant", *_SYSTEM):
        raise CannotSay(f"Anthropic has no role {str(role)[:40]!r}.")
    if message.get("audio"):
        raise CannotSay("Anthropic does not speak or listen.")
    blocks = list(blocks_of(message.get("content")))
    if role in _SYSTEM and any(block["type"] != "text" for block in blocks):
        raise CannotSay("Anthropic takes only text in the system prompt.")
    if role == "assistant":
        if any(block["type"] != "text" for block in blocks):
            raise CannotSay("Anthropic takes only text from the assistant.")
        if isinstance(refusal := message.get("refusal"), str) and refusal:
            blocks.append({"type": "text", "text": refusal})
        blocks = [*_thinking(message), *blocks, *(_tool_use(call) for call in _listed(message.get("tool_calls")))]
    if blocks:
        blocks[-1] = with_cache_control(blocks[-1], message)
    return blocks


def _thinking(message: Mapping[str, Any]) -> Iterator[Block]:
    """Blocks an answer of ours carried in thinking_blocks; they are only of use with the signature that came with them."""
    for block in _listed(message.get("thinking_blocks")):
        is_signed = block.get("type") == "thinking" and block.get("signature")
        if is_signed or block.get("type") == "redacted_thinking":
            yield dict(block)


def _tool_use(call: Mapping[str, Any]) -> Block:
    function = call.get("function")
    if call.get("type", "function") != "function" or not isinstance(function, dict) or not function.get("name"):
        raise CannotSay("Anthropic knows only tool calls of functions.")
    return {
        "type": "tool_use",
        "id": tool_id(call.get("id")),
        "name": function["name"],
        "input": _arguments(function.get("arguments")),
    }


def _tool_result(message: Mapping[str, Any]) -> Block:
    content = message.get("content")
    found: Block = {"type": "tool_result", "tool_use_id": tool_id(message.get("tool_call_id"))}
    if isinstance(content, list):
        blocks = list(blocks_of(content))
        return found | ({"content": blocks} if blocks else {})
    return found | ({"content": content} if isinstance(content, str) and content else {})


def tool_id(given: Any) -> str:
    """The id where the vendor takes it, else a fitting one that the same id always becomes. Raises CannotSay for none."""
    if not isinstance(given, str) or not given:
        raise CannotSay("Anthropic needs the id of every tool call and of the call every result answers.")
    fitting = _NOT_IN_IDS.sub("_", given)
    if fitting == given:
        return given
    return f"{fitting[:48]}_{hashlib.sha256(given.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _arguments(text: Any) -> Any:
    """The text as it is where it holds a JSON object: numbers keep their digits."""
    if text in (None, ""):
        return {}
    if not isinstance(text, str):
        return text if isinstance(text, dict) else {INVALID_JSON: str(text)}
    try:
        _members(text)
    except (ValueError, RecursionError):
        return {INVALID_JSON: text}
    return msgspec.Raw(text.encode())


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
