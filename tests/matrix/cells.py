"""The cells of the matrix, generated: dialect × language × upstream × task × mode, with the request each sends and the answer it must get.

What a cell sends is one JSON document for both languages; what is impossible is asked of the adapters, never written here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from routerapp.engine.chat import Chat
from routerapp.gateway.embeddings import parse_embeddings
from routerapp.gateway.messages.parse import parse_messages
from routerapp.gateway.requests import parse_chat
from routerapp.providers.base import Target, impossible_at
from routerapp.providers.registry import ADAPTERS
from tests.matrix.wire.asked import INPUT_TOKENS, OUTPUT_TOKENS, fingerprint
from tests.matrix.wire.openai import VECTORS

DATED = "2024-10-21"
LANGUAGES = ("Python", "Node")
DIALECTS = ("openai", "anthropic")
SYSTEM, PROMPT = "You are terse.", "Greet the world."
WEATHER = {"Zürich": "18 °C", "Rome": "24 °C"}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
ADDRESS = "https://example.com/cat.png"
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather of a city", "parameters": PARAMETERS},
}
ANTHROPIC_TOOL = {"name": "get_weather", "description": "Weather of a city", "input_schema": PARAMETERS}


@dataclass(frozen=True)
class Upstream:
    """options: of the provider. The simulated one answers what it likes: of its answers only the form is known."""

    name: str
    kind: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)


UPSTREAMS = (
    Upstream("openai", "openai", "OpenAI"),
    Upstream("azure", "azure", "Azure OpenAI, v1"),
    Upstream("azure-dated", "azure", f"Azure OpenAI, {DATED}", {"api_version": DATED}),
    Upstream("anthropic", "anthropic", "Anthropic"),
    Upstream("anthropic-2023", "anthropic", "Anthropic, 2023-06-01", {"api_version": "2023-06-01"}),
    Upstream("gemini", "gemini", "Gemini"),
    Upstream("simulated", "simulated", "simulated"),
)


@dataclass(frozen=True)
class Task:
    """members: of the request, by dialect; a dialect that is not there has no words for it. text: the last answer."""

    name: str
    title: str
    members: Mapping[str, Mapping[str, Any]]
    text: str = ""
    cities: tuple[str, ...] = ()
    modes: tuple[str, ...] = ("plain", "stream")


def _said(*parts: Any, system: str = "") -> dict[str, Any]:
    """An OpenAI conversation of one turn."""
    content = parts[0] if len(parts) == 1 and isinstance(parts[0], str) else list(parts)
    head = [{"role": "system", "content": system}] if system else []
    return {"messages": [*head, {"role": "user", "content": content}]}


def _asked(*blocks: Any, **members: Any) -> dict[str, Any]:
    """A Messages request of one turn."""
    content = blocks[0] if len(blocks) == 1 and isinstance(blocks[0], str) else list(blocks)
    return {"max_tokens": 300, "messages": [{"role": "user", "content": content}], **members}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _source(media_type: str, data: bytes) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": _base64(data)}


def _image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _tools(name: str, title: str, prompt: str, cities: tuple[str, ...]) -> Task:
    members = {
        "openai": {**_said(prompt), "tools": [OPENAI_TOOL]},
        "anthropic": _asked(prompt, tools=[ANTHROPIC_TOOL]),
    }
    return Task(name, title, members, " and ".join(WEATHER[city] for city in cities), cities)


_FILE = {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + _base64(PDF)}
_NAMED_SCHEMA = {"name": "person", "schema": SCHEMA, "strict": True}
_LOOK = _text("What is this?")
TASKS = (
    Task(
        "text",
        "text with a system prompt",
        {"openai": _said(PROMPT, system=SYSTEM), "anthropic": _asked(PROMPT, system=SYSTEM)},
        f"{SYSTEM} | {PROMPT} | 世界 🌍",
    ),
    _tools("tools", "tool call, its result, the answer", "What is the weather in Zürich?", ("Zürich",)),
    _tools("two-tools", "two tool calls at once", "What is the weather in Zürich and Rome?", ("Zürich", "Rome")),
    Task(
        "image",
        "image as bytes",
        {
            "openai": _said(_LOOK, _image("data:image/png;base64," + _base64(PNG))),
            "anthropic": _asked({"type": "image", "source": _source("image/png", PNG)}, _LOOK),
        },
        fingerprint("image/png", PNG),
    ),
    Task(
        "image-address",
        "image by address",
        {
            "openai": _said(_LOOK, _image(ADDRESS)),
            "anthropic": _asked({"type": "image", "source": {"type": "url", "url": ADDRESS}}, _LOOK),
        },
        f"seen at {ADDRESS}",
    ),
    Task(
        "document",
        "PDF as bytes",
        {
            "openai": _said(_LOOK, {"type": "file", "file": _FILE}),
            "anthropic": _asked({"type": "document", "source": _source("application/pdf", PDF)}, _LOOK),
        },
        fingerprint("application/pdf", PDF),
    ),
    Task(
        "schema",
        "JSON by a schema",
        {
            "openai": _said("Who?") | {"response_format": {"type": "json_schema", "json_schema": _NAMED_SCHEMA}},
            "anthropic": _asked("Who?", output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
        },
        '{"name": "Ada", "age": 36}',
    ),
    Task(
        "json",
        "JSON without a schema",
        {"openai": _said("Answer in JSON.") | {"response_format": {"type": "json_object"}}},
        '{"ok": true}',
    ),
    Task(
        "temperature",
        "`temperature: 0.2`",
        {"openai": _said(PROMPT, system=SYSTEM) | {"temperature": 0.2}},
        f"{SYSTEM} | {PROMPT} | 世界 🌍",
    ),
    Task(
        "embeddings",
        "embeddings of two texts",
        {"openai": {"input": ["one", "two"]}},
        modes=("base64", "float"),
    ),
)
# What the simulated provider, which never looks at the prompt, says in these forms.
_FREE = ("text", "image", "image-address", "document", "temperature")


@dataclass(frozen=True)
class Cell:
    dialect: str
    language: str
    upstream: Upstream
    task: Task
    mode: str

    @property
    def id(self) -> str:
        return f"{self.dialect}-{self.language}-{self.upstream.name}-{self.task.name}-{self.mode}"

    @property
    def model(self) -> str:
        return self.upstream.name + ("-embed" if self.task.name == "embeddings" else "")

    @property
    def members(self) -> dict[str, Any]:
        found = dict(self.task.members[self.dialect])
        return found | ({"encoding_format": "float"} if self.mode == "float" else {})

    @property
    def job(self) -> dict[str, Any]:
        """For the client: what to send, and what its tools would say."""
        kind = "embeddings" if self.task.name == "embeddings" else self.mode
        return {"id": self.id, "kind": kind, "model": self.model, "members": self.members, "weather": WEATHER}

    @property
    def impossible(self) -> str:
        """The vendor's reason, as its adapter gives it; empty where the cell must pass."""
        target = Target("x", self.upstream.kind, "https://example.com", "x", options=self.upstream.options)
        found = impossible_at(ADAPTERS[self.upstream.kind], self._chat(), target)
        return found[0].reason if found else ""

    def fault_in(self, outcome: Mapping[str, Any]) -> str:
        """What is wrong with what the client got; empty where nothing is."""
        if reason := self.impossible:
            is_refused = "unsupported_parameter" in outcome.get("error", "") and reason in outcome["error"]
            return "" if is_refused else f"must be refused with {reason!r}, but: {outcome}"
        if "error" in outcome:
            return str(outcome["error"])
        if self.task.name == "embeddings":
            return self._vectors_fault(outcome)
        faults = [self._turn_fault(turn, number) for number, turn in enumerate(outcome["turns"])]
        faults.append(self._text_fault(outcome["turns"]))
        return next((fault for fault in faults if fault), "")

    def _chat(self) -> Chat:
        body = orjson.dumps({"model": self.model, **self.members, "stream": self.mode == "stream"})
        if self.task.name == "embeddings":
            return parse_embeddings(orjson.dumps({"model": self.model, **self.members}), {})
        return parse_messages(body, {}) if self.dialect == "anthropic" else parse_chat(body, {})

    @property
    def _is_simulated(self) -> bool:
        return self.upstream.kind == "simulated"

    def _turn_fault(self, turn: Mapping[str, Any], number: int) -> str:
        asks_tools = bool(self.task.cities) and number == 0
        finish = {"openai": ("tool_calls", "stop"), "anthropic": ("tool_use", "end_turn")}[self.dialect][not asks_tools]
        wanted = {"finish": finish} | ({} if self._is_simulated else {"input": INPUT_TOKENS, "output": OUTPUT_TOKENS})
        wrong = {name: turn.get(name) for name, value in wanted.items() if turn.get(name) != value}
        if wrong:
            return f"turn {number}: {wrong}"
        cost = turn.get("cost")
        # What Anthropic's SDKs put a streamed message together from leaves out members of usage they do not know.
        is_kept = (self.dialect, self.mode) != ("anthropic", "stream")
        if is_kept and not (isinstance(cost, int | float) and cost > 0):
            return f"turn {number}: cost {cost!r}"
        if self._is_simulated and asks_tools:
            return "" if turn["calls"] and turn["calls"][0][0] == "get_weather" else f"turn {number}: {turn['calls']}"
        calls = [["get_weather", {"city": city}] for city in self.task.cities] if asks_tools else []
        return "" if turn["calls"] == calls else f"turn {number}: {turn['calls']}"

    def _text_fault(self, turns: list[Mapping[str, Any]]) -> str:
        if len(turns) != (2 if self.task.cities else 1):
            return f"{len(turns)} turns"
        text = turns[-1]["text"]
        if not self._is_simulated:
            return "" if text == self.task.text else f"{text!r} instead of {self.task.text!r}"
        if self.task.name in _FREE or self.task.cities:
            return "" if text else "no text"
        is_right = isinstance(answer := json.loads(text), dict) and bool(answer)
        if self.task.name == "schema":
            is_right = isinstance(answer["name"], str) and type(answer["age"]) is int and len(answer) == 2
        return "" if is_right else f"{text!r}"

    def _vectors_fault(self, outcome: Mapping[str, Any]) -> str:
        vectors, tokens = outcome["vectors"], outcome["input"]
        if self._is_simulated:
            return "" if len(vectors) == 2 and all(vectors) and tokens > 0 else f"{outcome}"
        # Gemini does not count the tokens of embeddings; then they are estimated.
        is_counted = tokens == INPUT_TOKENS or (self.upstream.kind == "gemini" and tokens > 0)
        return "" if vectors == [list(one) for one in VECTORS] and is_counted else f"{outcome}"


def cells() -> Iterator[Cell]:
    for dialect in DIALECTS:
        for language in LANGUAGES:
            for task in TASKS:
                for upstream in UPSTREAMS:
                    for mode in task.modes if dialect in task.members else ():
                        yield Cell(dialect, language, upstream, task, mode)
