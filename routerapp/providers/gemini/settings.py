"""Top-level fields of a chat as Gemini's generationConfig, tools and toolConfig, and which of them it has no words for. Pure.

https://ai.google.dev/api/generate-content#v1beta.GenerationConfig, https://ai.google.dev/gemini-api/docs/function-calling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from routerapp.providers.base import Impossible

MOST_STOPS = 5
MOST_CANDIDATES = 8
MOST_LOGPROBS = 20
# Google's own table for reasoning_effort: https://ai.google.dev/gemini-api/docs/openai#thinking
BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576}
# Levels begin where thinking does: models that have them cannot stop.
LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
_PLAIN = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "n": "candidateCount",
}
# Said elsewhere, or without influence on the answer.
_HANDLED = frozenset(
    {*_PLAIN, "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "tools"}
    | {"tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "logprobs", "top_logprobs"}
    | {"user", "store", "metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "service_tier"}
)
_CHANGES_THE_ANSWER = frozenset({"functions", "function_call", "modalities", "audio", "web_search_options"})
_REASONS = {
    "logit_bias": "Gemini has no logit_bias.",
    "functions": "Gemini has tools, not the older functions.",
    "function_call": "Gemini has tools, not the older functions.",
    "prediction": "Gemini takes no predicted output.",
    "verbosity": "Gemini has no verbosity.",
    "audio": "Spoken answers are not passed on from Gemini.",
    "modalities": "Only text is passed on from Gemini.",
    "web_search_options": "Gemini searches with a tool of its own.",
}
_CHOICES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def impossible_settings(fields: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Impossible]:
    """Fields, decoded, that Gemini cannot be told."""
    for name, value in fields.items():
        if name in _HANDLED or value in (None, [], {}, ""):
            continue
        if name == "modalities" and value == ["text"]:
            continue
        yield Impossible(name, _REASONS.get(name, "Gemini has no such field."), name not in _CHANGES_THE_ANSWER)
    if fields.get("parallel_tool_calls") is False and fields.get("tools"):
        yield Impossible("parallel_tool_calls", "Gemini cannot be kept from calling several tools at once.")
    effort = fields.get("reasoning_effort")
    known = _efforts(options)
    if effort is not None and not (isinstance(effort, str) and effort in known):
        yield Impossible("reasoning_effort", f"This provider's option `thinking` leaves {', '.join(known)}.")
    yield from _impossible_values(fields)
    yield from _impossible_tools(fields)


def generation_config(fields: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is impossible."""
    config = {theirs: fields[ours] for ours, theirs in _PLAIN.items() if fields.get(ours) is not None}
    left_out = {one.field for one in _impossible_values(fields)}
    for ours in left_out & _PLAIN.keys():
        config.pop(_PLAIN[ours], None)
    limit = fields.get("max_completion_tokens")
    limit = fields.get("max_tokens") if limit is None else limit
    if limit is not None:
        config["maxOutputTokens"] = limit
    if (stops := _stops(fields)) and "stop" not in left_out:
        config["stopSequences"] = stops
    if fields.get("logprobs") is True:
        config["responseLogprobs"] = True
        if fields.get("top_logprobs") and "top_logprobs" not in left_out:
            config["logprobs"] = fields["top_logprobs"]
    config |= _response_format(fields.get("response_format"))
    if thinking := _thinking(fields.get("reasoning_effort"), options):
        config["thinkingConfig"] = thinking
    return config


def tools_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """tools and toolConfig, as members of the request."""
    tools = fields.get("tools")
    if not tools:
        return {}
    declarations = [_declaration(tool["function"]) for tool in tools]
    members: dict[str, Any] = {"tools": [{"functionDeclarations": declarations}]}
    if (config := _calling(fields.get("tool_choice"))) is not None:
        members["toolConfig"] = {"functionCallingConfig": config}
    return members


def _impossible_values(fields: Mapping[str, Any]) -> Iterator[Impossible]:
    seed = fields.get("seed")
    if seed is not None and not (type(seed) is int and -(1 << 31) <= seed < 1 << 31):
        yield Impossible("seed", "Gemini's seed is a whole number of 32 bits.")
    if len(_stops(fields)) > MOST_STOPS:
        yield Impossible("stop", f"Gemini takes at most {MOST_STOPS} stop sequences.")
    choices = fields.get("n")
    if choices is not None and not (type(choices) is int and 1 <= choices <= MOST_CANDIDATES):
        yield Impossible("n", f"Gemini gives 1 to {MOST_CANDIDATES} answers.")
    top = fields.get("top_logprobs")
    if top is not None and not (type(top) is int and 0 <= top <= MOST_LOGPROBS):
        yield Impossible("top_logprobs", f"Gemini gives at most {MOST_LOGPROBS} alternatives.")
    form = fields.get("response_format")
    if form is not None and not (isinstance(form, dict) and form.get("type") in ("text", "json_object", "json_schema")):
        yield Impossible("response_format", "Gemini answers with text, json_object or json_schema.", False)


def _impossible_tools(fields: Mapping[str, Any]) -> Iterator[Impossible]:
    tools = fields.get("tools")
    if tools is not None and not isinstance(tools, list):
        yield Impossible("tools", "Tools are a list.", False)
        return
    for index, tool in enumerate(tools or ()):
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            yield Impossible(f"tools[{index}]", "Gemini is offered only tools of type function.", False)
    choice = fields.get("tool_choice")
    if tools and choice is not None and _calling(choice) is None:
        yield Impossible(
            "tool_choice", "Gemini takes auto, none, required, one function, or required allowed_tools.", False
        )


def _declaration(function: Mapping[str, Any]) -> dict[str, Any]:
    """parametersJsonSchema takes JSON Schema as it is; strict is what Gemini does with it anyway, as well as it can."""
    declaration: dict[str, Any] = {"name": function["name"]}
    if isinstance(function.get("description"), str):
        declaration["description"] = function["description"]
    if isinstance(function.get("parameters"), dict) and function["parameters"]:
        declaration["parametersJsonSchema"] = function["parameters"]
    return declaration


def _calling(choice: Any) -> dict[str, Any] | None:
    """None: leave it to Gemini, or, for a choice that was made, it cannot be said."""
    if isinstance(choice, str):
        return {"mode": _CHOICES[choice]} if choice in _CHOICES else None
    if not isinstance(choice, dict):
        return None
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("allowed_tools")
        if not isinstance(allowed, dict) or allowed.get("mode") != "required":
            return None
        return _any_of(allowed.get("tools"))
    return _any_of([choice])


def _any_of(choices: Any) -> dict[str, Any] | None:
    named = choices if isinstance(choices, Sequence) and not isinstance(choices, str) else ()
    functions = [choice.get("function") for choice in named if isinstance(choice, dict)]
    names = [f["name"] for f in functions if isinstance(f, dict) and isinstance(f.get("name"), str)]
    return {"mode": "ANY", "allowedFunctionNames": names} if names and len(names) == len(named) else None


def _stops(fields: Mapping[str, Any]) -> list[str]:
    stop = fields.get("stop")
    if isinstance(stop, str):
        return [stop]
    return [text for text in stop if isinstance(text, str)] if isinstance(stop, list) else []


def _response_format(form: Any) -> dict[str, Any]:
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_object":
        return {"responseMimeType": "application/json"}
    if kind != "json_schema":
        return {}
    wrapper = form.get("json_schema")
    schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
    asked: dict[str, Any] = {"responseMimeType": "application/json"}
    return asked | {"responseJsonSchema": schema} if isinstance(schema, dict) else asked


def _thinking(effort: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    known = _efforts(options)
    if isinstance(effort, str) and effort in known:
        config = {"thinkingLevel" if known is LEVELS else "thinkingBudget": known[effort]}
    if options.get("include_thoughts") is True and config.get("thinkingBudget") != 0:
        config["includeThoughts"] = True
    return config


def _efforts(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return BUDGETS if options.get("thinking") == "budget" else LEVELS
