"""Text, JSON and tool calls a simulated deployment answers with: plausible in shape, honest about being invented."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

_DEEPEST_SCHEMA = 12
_SENTENCES = (
    "The prompt was received, routed and metered like any other.",
    "No language model was called, so nothing here should be taken as fact.",
    "Length, speed and token counts follow the deployment's simulation settings.",
    "A real provider would put its answer in this place.",
    "The same prompt gives the same words again, which helps when comparing policies.",
    "Costs shown for this answer use the deployment's price list.",
    "Open the decision to see which rule chose this deployment and why.",
    "Latency was drawn from the median and the 95th percentile configured for it.",
    "Errors, outages and rate limits can be scripted in the same way.",
    "Add a provider with a credential to get real answers instead.",
    "Every candidate that was not chosen is listed with its reason.",
    "Try the playground to compare this route with another one.",
)


class Wishes(Protocol):
    """What the request says about the form of the answer."""

    model: str
    response_format: Any
    tools: Any
    tool_choice: Any


@dataclass(frozen=True, slots=True)
class InventedTool:
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Invented:
    text: str = ""
    tools: tuple[InventedTool, ...] = ()


def invent_answer(draw: random.Random, messages: Sequence[Mapping[str, Any]], wishes: Wishes, tokens: int) -> Invented:
    """About tokens × 4 bytes of text, or a tool call, or JSON in the wished form."""
    tool = _wanted_tool(messages, wishes)
    if tool is not None:
        arguments = _example(tool.get("parameters") or {}, tool.get("parameters") or {}, 0)
        return Invented(tools=(InventedTool(str(tool.get("name", "")), orjson.dumps(arguments).decode()),))
    form = wishes.response_format if isinstance(wishes.response_format, dict) else {}
    if form.get("type") == "json_schema":
        wrapper = form.get("json_schema")
        schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
        return Invented(text=orjson.dumps(_example(schema or {}, schema or {}, 0)).decode())
    if form.get("type") == "json_object":
        return Invented(text=orjson.dumps({"simulated": True, "model": wishes.model, "answer": _SENTENCES[0]}).decode())
    return Invented(text=_prose(draw, wishes.model, tokens * 4))


def _prose(draw: random.Random, model: str, size: int) -> str:
    words = [f"This is a simulated answer from {model}."]
    length = len(words[0])
    position = draw.randrange(len(_SENTENCES))
    while length < size:
        words.append(_SENTENCES[position % len(_SENTENCES)])
        length += len(words[-1]) + 1
        position += 1
    text = " ".join(words)
    end = text.rfind(" ", 0, max(size, 1))
    return text if end < 24 else text[:end].rstrip(".,") + "."


def _wanted_tool(messages: Sequence[Mapping[str, Any]], wishes: Wishes) -> Mapping[str, Any] | None:
    """The tool to call: the one named, any when required, else one whose name the last user message mentions."""
    if not isinstance(wishes.tools, list) or wishes.tool_choice == "none":
        return None
    offered: list[dict[str, Any]] = [
        t["function"] for t in wishes.tools if isinstance(t, dict) and isinstance(t.get("function"), dict)
    ]
    if not offered or not messages or messages[-1].get("role") == "tool":
        return None
    if isinstance(wishes.tool_choice, dict):
        named = (wishes.tool_choice.get("function") or {}).get("name")
        return next((tool for tool in offered if tool.get("name") == named), offered[0])
    if wishes.tool_choice == "required":
        return offered[0]
    prompt = str(messages[-1].get("content", "")).lower()
    for tool in offered:
        words = [word for word in str(tool.get("name", "")).lower().replace("-", "_").split("_") if len(word) > 3]
        if "tool" in prompt or any(word in prompt for word in words):
            return tool
    return None


def _example(schema: Any, root: Any, depth: int) -> Any:
    """The smallest value a JSON schema admits; unknown keywords are ignored, depth is bounded."""
    if not isinstance(schema, dict) or depth > _DEEPEST_SCHEMA:
        return None
    if isinstance(schema.get("$ref"), str):
        return _example(_referred(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _example(schema[name][0], root, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or "properties" in schema:
        return {name: _example(inner, root, depth + 1) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_example(schema.get("items") or {}, root, depth + 1)] * max(1, schema.get("minItems") or 1)
    return {
        "string": "simulated",
        "integer": schema.get("minimum", 1),
        "number": schema.get("minimum", 1.5),
        "boolean": True,
    }.get(kind or "")


def _referred(reference: str, root: Any) -> Any:
    node = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        node = node.get(step) if isinstance(node, dict) and step else node
    return node
