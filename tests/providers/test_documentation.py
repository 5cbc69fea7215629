"""docs/providers.md says what the adapters do: its tables are compared with impossible(), the presets and the options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from routerapp.models import ProviderKind
from routerapp.providers.options import OPTIONS, Option
from routerapp.providers.presets import Preset, Quirks, presets
from routerapp.providers.registry import ADAPTERS
from tests.providers.chats import make_chat, make_target

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "providers.md").read_text("utf-8")
KINDS = ("openai", "azure", "anthropic", "gemini")
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
IMAGE = "data:image/png;base64,iVBORw0KGgo="


def said(content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


PROBES: dict[str, dict[str, Any]] = {
    "text, system and developer messages": {
        "messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    },
    "image as `data:` URL": said([{"type": "image_url", "image_url": {"url": IMAGE}}]),
    "image by http address": said([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]),
    "audio": said([{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]),
    "PDF in `file_data`": said([{"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}}]),
    "`tools`": {"tools": [TOOL]},
    "`tool_choice` of one function": {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
    },
    "`parallel_tool_calls: false`": {"tools": [TOOL], "parallel_tool_calls": False},
    "`functions` (the older form)": {"functions": [{"name": "look"}]},
    "`response_format: json_object`": {"response_format": {"type": "json_object"}},
    "`response_format: json_schema`": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    },
    "`max_tokens`, `max_completion_tokens`": {"max_completion_tokens": 100},
    "`temperature`": {"temperature": 0.5},
    "`top_p`": {"top_p": 0.9},
    "`stop`": {"stop": ["END"]},
    "`seed`": {"seed": 1},
    "`n: 2`": {"n": 2},
    "`presence_penalty`, `frequency_penalty`": {"presence_penalty": 0.5},
    "`logprobs`, `top_logprobs`": {"logprobs": True, "top_logprobs": 2},
    "`logit_bias`": {"logit_bias": {"1": 1}},
    "`reasoning_effort: high`": {"reasoning_effort": "high"},
    "`reasoning_effort: none`": {"reasoning_effort": "none"},
    "`verbosity`": {"verbosity": "low"},
    "`web_search_options`": {"web_search_options": {"search_context_size": "low"}},
    "`modalities` with audio": {"modalities": ["text", "audio"]},
    "embeddings of text": {"input": ["Hello"]},
    "embeddings of token numbers": {"input": [1, 2, 3]},
}


def probe_row(name: str) -> str:
    return f"| {name} | " + " | ".join(_answer(name, kind) for kind in KINDS) + " |"


def _answer(name: str, kind: str) -> str:
    fields = PROBES[name]
    chat = make_chat(**fields)
    if "input" in fields:
        chat = replace(chat, endpoint="embeddings")
    found = ADAPTERS[kind].impossible(chat, make_target(kind=kind))
    if not found:
        return "yes"
    return "no" if all(one.is_droppable for one in found) else "**never**"


def preset_row(preset: Preset) -> str:
    address = f"`{preset.base_url}`" if preset.base_url else "your own"
    return f"| `{preset.name}` | {preset.label} | {preset.kind} | {address} | {_credential(preset)} | {_quirks(preset.quirks)} |"


def _credential(preset: Preset) -> str:
    return f"{preset.credential}, `{preset.key_prefix}…`" if preset.key_prefix else preset.credential


def _quirks(quirks: Quirks) -> str:
    parts = []
    if quirks.unsupported:
        parts.append("refuses " + ", ".join(sorted(quirks.unsupported)))
    if quirks.response_formats is not None:
        parts.append("response_format " + ", ".join(sorted(quirks.response_formats)))
    parts += [f"{name} at most {most:g}" for name, most in quirks.at_most.items()]
    parts += [f"{name} {low:g} to {high:g}" for name, (low, high) in quirks.ranges.items()]
    parts += [f"{name} {', '.join(map(str, values))}" for name, values in quirks.choices.items()]
    if quirks.endpoints == {"chat"}:
        parts.append("no embeddings")
    return "; ".join(parts) or "none"


def option_row(kind: str, option: Option) -> str:
    value = ", ".join(option.choices) or {"flag": "true, false"}.get(option.value) or f"such as {option.example}"
    return f"| {kind} | `{option.name}` | {value} | {option.help} |"


ROWS = [
    *map(probe_row, PROBES),
    *map(preset_row, presets().values()),
    *(option_row(kind, option) for kind, options in OPTIONS.items() for option in options),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:40])
def test_the_documentation_has_the_row(row: str) -> None:
    assert row in DOCUMENTATION


def test_the_documentation_has_no_row_besides() -> None:
    tables = [line for line in DOCUMENTATION.splitlines() if line.startswith("| ") and not line.startswith("| kind |")]
    rows = [line for line in tables if line not in ROWS]

    assert [row for row in rows if not row.startswith(("| asked |", "| preset |", "| `openai` | OpenAI-comp"))] == []


def test_every_kind_is_described() -> None:
    for kind in ProviderKind.values:
        assert f"**`{kind}`**" in DOCUMENTATION
