"""Top-level fields of a chat in the OpenAI shape as members of a Messages request, and which of them Anthropic has no words for. Pure.

Follows https://platform.claude.com/docs/en/api/messages at version 2026-10-21: no sampling settings, structured outputs and effort in
output_config, adaptive thinking. The provider option api_version 2023-06-01 is for models that still take a temperature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from routerapp.engine.chat import Impossible

DEFAULT_MAX_TOKENS = 4_096
LEAST_BUDGET_TOKENS = 1_024
NEWEST_VERSION = "2026-10-21"
# The last version that knows sampling settings; what came after answers them with 400.
SAMPLING_VERSION = "2023-06-01"
VERSIONS = (SAMPLING_VERSION, NEWEST_VERSION)
_PLAIN = ("temperature", "top_p", "top_k")
# Members of the Messages API that callers of the OpenAI dialect send beside its fields; they go upstream as they are.
_OWN = ("thinking", "cache_control", "inference_geo")
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
# For models older than adaptive thinking (provider option thinking: budget).
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
# Said elsewhere, or without influence on the answer.
_HANDLED = frozenset(
    {*_PLAIN, *_OWN, "model", "messages", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"}
    | {"max_tokens", "max_completion_tokens", "stop", "response_format", "reasoning_effort", "output_config"}
    | {"user", "metadata", "store", "prediction", "service_tier", "safety_identifier"}
    | {"prompt_cache_key", "prompt_cache_retention"}
)
_ASSUMED: Mapping[str, Any] = {
    "n": 1,
    "temperature": 1,
    "top_p": 1,
    "logprobs": False,
    "top_logprobs": 0,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "modalities": ["text"],
}
_CHANGES_THE_ANSWER = frozenset({"functions", "function_call", "modalities", "audio", "web_search_options"})
_REASONS = {
    "n": "Anthropic gives one answer at a time.",
    "functions": "Anthropic has tools, not the older functions.",
    "function_call": "Anthropic has tools, not the older functions.",
    "audio": "Anthropic does not speak.",
    "modalities": "Anthropic answers in text only.",
    "web_search_options": "Anthropic searches with a tool of its own.",
}
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_ANY_OF = ("anyOf", "allOf", "oneOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")


def version_of(options: Mapping[str, Any]) -> str:
    """The version a provider is spoken to in."""
    version = options.get("api_version")
    return version if isinstance(version, str) and version in VERSIONS else NEWEST_VERSION


def impossible_settings(fields: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Impossible]:
    """Fields, decoded, that Anthropic cannot be told."""
    for name, value in fields.items():
        if name in _HANDLED or value in (None, [], {}, "") or (name in _ASSUMED and value == _ASSUMED[name]):
            continue
        reason = _REASONS.get(name, f"Anthropic has no {name[:60]}.")
        yield Impossible(name, reason, name not in _CHANGES_THE_ANSWER)
    yield from _impossible_sampling(fields, options)
    if any(not stop.strip() for stop in _stops(fields)):
        yield Impossible("stop", "Anthropic takes only stop sequences with something other than white space in them.")
    form = fields.get("response_format")
    if isinstance(form, dict) and form.get("type") not in (None, "text") and _schema_of(form) is None:
        yield Impossible("response_format", "Anthropic gives JSON only for a schema: send json_schema.", False)
    effort = fields.get("reasoning_effort")
    if effort is not None and effort != "none" and _effort(effort) is None:
        yield Impossible("reasoning_effort", f"This is one of: none, {', '.join(_EFFORTS)}.")


def _impossible_sampling(fields: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[Impossible]:
    if version_of(options) == SAMPLING_VERSION:
        temperature = fields.get("temperature")
        if isinstance(temperature, int | float) and temperature > 1:
            yield Impossible("temperature", "Anthropic takes a temperature from 0 to 1.")
        return
    for name in _PLAIN:
        if fields.get(name) is not None and fields[name] != _ASSUMED.get(name):
            reason = f"Anthropic takes no {name} since version {NEWEST_VERSION}; for models that do, choose"
            yield Impossible(name, f"{reason} api_version {SAMPLING_VERSION} in the provider's options.")


def settings_of(
    fields: Mapping[str, Any], options: Mapping[str, Any], default_max_tokens: int | None
) -> dict[str, Any]:
    """Members of the Messages request, without what is impossible. default_max_tokens: the model's, as the field is required."""
    left_out = {one.field for one in impossible_settings(fields, options)}
    if version_of(options) != SAMPLING_VERSION:
        left_out |= {*_PLAIN}
    limit = _whole(fields.get("max_completion_tokens")) or _whole(fields.get("max_tokens"))
    found: dict[str, Any] = {"max_tokens": limit or default_max_tokens or DEFAULT_MAX_TOKENS}
    for name in (*_PLAIN, *_OWN):
        if fields.get(name) is not None and name not in left_out:
            found[name] = fields[name]
    if stops := [stop for stop in _stops(fields) if stop.strip()]:
        found["stop_sequences"] = stops
    tier = fields.get("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        found["service_tier"] = _TIERS[tier]
    output = fields.get("output_config")
    output = dict(output) if isinstance(output, dict) else {}
    schema = _schema_of(fields.get("response_format"))
    if schema is not None:
        output.setdefault("format", {"type": "json_schema", "schema": closed(schema)})
    found |= reasoning_of(fields, options, found["max_tokens"], output)
    return found | ({"output_config": output} if output else {})


def reasoning_of(
    fields: Mapping[str, Any], options: Mapping[str, Any], max_tokens: int, output: dict[str, Any]
) -> dict[str, Any]:
    """reasoning_effort as thinking, and as effort in output. The caller's own thinking stands."""
    wanted = fields.get("reasoning_effort")
    thinking = {} if fields.get("thinking") is None else {"thinking": fields["thinking"]}
    if wanted == "none":
        return thinking or {"thinking": {"type": "disabled"}}
    effort = _effort(wanted)
    if effort is None:
        return thinking
    if options.get("thinking") == "budget":
        budget = min(_BUDGETS[str(wanted)], max_tokens // 2)
        can_think = budget >= LEAST_BUDGET_TOKENS and not _forbids_thinking(fields)
        return thinking or ({"thinking": {"type": "enabled", "budget_tokens": budget}} if can_think else {})
    output.setdefault("effort", effort)
    return thinking or ({} if _forbids_thinking(fields) else {"thinking": {"type": "adaptive"}})


def closed(schema: Any) -> Any:
    """The schema with additionalProperties false on every object that does not say otherwise: the vendor demands it, and whatever it
    admits the schema as sent admits too.
    """
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed_member(name, value) for name, value in schema.items()}
    if found.get("type") == "object" or "properties" in found:
        found.setdefault("additionalProperties", False)
    return found


def _closed_member(name: str, value: Any) -> Any:
    if name in _NAMED and isinstance(value, dict):
        return {key: closed(one) for key, one in value.items()}
    if name in _ANY_OF and isinstance(value, list):
        return [closed(one) for one in value]
    return closed(value) if name in ("items", "not") else value


def _forbids_thinking(fields: Mapping[str, Any]) -> bool:
    """Thinking goes neither with sampling settings nor with a forced tool."""
    choice = fields.get("tool_choice")
    is_forced = choice == "required" or isinstance(choice, dict)
    return is_forced or any(fields.get(name) not in (None, _ASSUMED.get(name)) for name in _PLAIN)


def _effort(wanted: Any) -> str | None:
    return _EFFORTS.get(wanted) if isinstance(wanted, str) else None


def _stops(fields: Mapping[str, Any]) -> list[str]:
    stop = fields.get("stop")
    listed = stop if isinstance(stop, list) else [stop]
    return [one for one in listed if isinstance(one, str) and one]


def _schema_of(form: Any) -> Any:
    """The JSON schema of a response_format; None where there is none."""
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    wrapper = form.get("json_schema")
    schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
    return schema if isinstance(schema, dict) else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
