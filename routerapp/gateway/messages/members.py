"""Top-level members of a Messages request as fields of the OpenAI dialect. Pure; what has no counterpart is noted as lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from routerapp.engine.chat import Impossible

Members = Mapping[str, Any]

_PLAIN = ("temperature", "top_p", "top_k", "stream")
# Said elsewhere, or of no influence on the answer: marks for caching, tiers, what is told to Anthropic's own books.
_HANDLED = frozenset(
    {
        *_PLAIN,
        "max_tokens",
        "model",
        "messages",
        "system",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
    }
    | {"metadata", "cache_control", "service_tier", "speed", "diagnostics", "context_management", "user_profile_id"}
    | {"workspace_id", "anthropic_version", "anthropic_beta", "betas"}
)
# Promises about where and with what the answer is made.
_BINDING = frozenset({"inference_geo", "container", "mcp_servers"})
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
# The other way round than providers/anthropic/settings.py, with room between the steps.
_EFFORT_OF_BUDGET = ((2_048, "low"), (10_000, "medium"))


def to_openai_fields(
    members: Members, messages: Sequence[Members], tools: Sequence[Members], lost: list[Impossible]
) -> dict[str, bytes]:
    """Each field as JSON; lost grows by what could not be said."""
    lost.extend(_without_counterpart(members))
    found: dict[str, Any] = {name: members[name] for name in _PLAIN if members.get(name) is not None}
    found["messages"] = messages
    if members.get("max_tokens"):
        # The newer name: presets know which vendors want the older one.
        found["max_completion_tokens"] = members["max_tokens"]
    if stops := members.get("stop_sequences"):
        found["stop"] = stops
    if tools:
        found["tools"] = tools
        found |= _tool_choice(members.get("tool_choice"))
    output = members.get("output_config")
    output = output if isinstance(output, dict) else {}
    if (schema := _schema(output.get("format"))) is not None:
        form = {"name": "answer", "schema": schema, "strict": True}
        found["response_format"] = {"type": "json_schema", "json_schema": form}
    if effort := output.get("effort") or _effort(members.get("thinking")):
        found["reasoning_effort"] = effort
    return {name: msgspec.json.encode(value) for name, value in found.items()}


def openai_tools(tools: Sequence[Members], lost: list[Impossible]) -> list[dict[str, Any]]:
    found = []
    for index, tool in enumerate(tools):
        if tool.get("type", "custom") not in ("custom", None):
            reason = f"{str(tool['type'])[:40]} is a tool that only Anthropic runs or knows."
            lost.append(Impossible(f"tools[{index}]", reason))
            continue
        schema = tool.get("input_schema")
        function: dict[str, Any] = {
            "name": str(tool.get("name", "")),
            "parameters": schema if isinstance(schema, dict) else {"type": "object", "properties": {}},
        }
        if isinstance(tool.get("description"), str):
            function["description"] = tool["description"]
        if isinstance(tool.get("strict"), bool):
            function["strict"] = tool["strict"]
        found.append({"type": "function", "function": function})
    return found


def wants_thinking(members: Mapping[str, bytes]) -> bool:
    """Whether the caller is ready for blocks of thinking in the answer. members are raw."""
    raw = members.get("thinking")
    thinking = msgspec.json.decode(raw) if raw else None
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _without_counterpart(members: Members) -> Iterator[Impossible]:
    for name, value in members.items():
        if name not in _HANDLED and value not in (None, [], {}, ""):
            yield Impossible(name, f"Only Anthropic knows {name[:60]}.", name not in _BINDING)
    if members.get("max_tokens") == 0:
        yield Impossible("max_tokens", "Only Anthropic fills its cache without giving an answer.", False)


def _tool_choice(choice: Any) -> dict[str, Any]:
    if not isinstance(choice, dict):
        return {}
    kind = choice.get("type")
    found: dict[str, Any] = {}
    if kind == "tool":
        found["tool_choice"] = {"type": "function", "function": {"name": str(choice.get("name", ""))}}
    elif isinstance(kind, str) and kind in _CHOICES:
        found["tool_choice"] = _CHOICES[kind]
    if choice.get("disable_parallel_tool_use") is True:
        found["parallel_tool_calls"] = False
    return found


def _schema(form: Any) -> Any:
    return form.get("schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None


def _effort(thinking: Any) -> str | None:
    """A budget of thought as an effort; adaptive and disabled thinking say nothing another vendor needs to hear."""
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if type(budget) is not int:
        return None
    return next((effort for most, effort in _EFFORT_OF_BUDGET if budget <= most), "high")
