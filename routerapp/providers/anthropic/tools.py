"""Tools and tool choice of the OpenAI dialect as the Messages API has them. Pure.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/define-tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routerapp.engine.chat import Impossible

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def impossible_tools(tools: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> list[Impossible]:
    found = [
        Impossible(f"tools[{index}]", "Anthropic takes functions with a name.")
        for index, tool in enumerate(tools)
        if _function_of(tool) is None
    ]
    choice = fields.get("tool_choice")
    if tools and choice is not None and _choice_of(choice) is None:
        found.append(Impossible("tool_choice", "Anthropic knows auto, required, none and one named function.", False))
    return found


def tools_of(tools: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> dict[str, Any]:
    """tools and tool_choice, as members of the request; nothing without tools."""
    listed = [_tool(function, tool) for tool in tools if (function := _function_of(tool)) is not None]
    if not listed:
        return {}
    choice = _choice_of(fields.get("tool_choice"))
    if fields.get("parallel_tool_calls") is False and (choice or {}).get("type") != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return {"tools": listed} | ({"tool_choice": choice} if choice else {})


def _function_of(tool: Mapping[str, Any]) -> Mapping[str, Any] | None:
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, dict):
        return None
    return function if isinstance(function.get("name"), str) and function["name"] else None


def _tool(function: Mapping[str, Any], tool: Mapping[str, Any]) -> dict[str, Any]:
    parameters = function.get("parameters")
    schema = {"type": "object", **parameters} if isinstance(parameters, dict) and parameters else dict(_NO_PARAMETERS)
    found = {"name": function["name"], "input_schema": schema}
    if isinstance(function.get("description"), str):
        found["description"] = function["description"]
    if isinstance(function.get("strict"), bool):
        found["strict"] = function["strict"]
    cache_control = tool.get("cache_control") or function.get("cache_control")
    return found | ({"cache_control": cache_control} if isinstance(cache_control, dict) else {})


def _choice_of(choice: Any) -> dict[str, Any] | None:
    """None where nothing is said, or nothing Anthropic knows."""
    if isinstance(choice, str):
        return {"type": _CHOICES[choice]} if choice in _CHOICES else None
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    return {"type": "tool", "name": name} if isinstance(name, str) and name else None
