"""What a request asks for, whichever vendor's words it came in, and the one answer it gets. Every reader of a wire format fills this in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

CITIES = ("Zürich", "Rome")
INPUT_TOKENS, OUTPUT_TOKENS = 11, 7


@dataclass
class Asked:
    """results: of tools, in order. files: (media type, bytes). addresses: of images. schema: of the answer wished for."""

    system: str = ""
    prompt: str = ""
    tools: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    schema: dict[str, Any] | None = None
    wants_json: bool = False


@dataclass(frozen=True)
class Said:
    """Text in pieces, as it is streamed; or calls, (name, arguments)."""

    pieces: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def answer(asked: Asked) -> Said:
    if asked.results:
        return Said(_pieces(" and ".join(asked.results)))
    if asked.tools:
        return Said(calls=tuple((asked.tools[0], {"city": city}) for city in CITIES if city in asked.prompt))
    if asked.files:
        return Said(_pieces(", ".join(fingerprint(*one) for one in asked.files)))
    if asked.addresses:
        return Said(_pieces("seen at " + ", ".join(asked.addresses)))
    if asked.schema is not None:
        return Said(_pieces(json.dumps(_example(asked.schema))))
    if asked.wants_json:
        return Said(_pieces('{"ok": true}'))
    return Said(_pieces(f"{asked.system} | {asked.prompt} | 世界 🌍"))


def fingerprint(media_type: str, data: bytes) -> str:
    return f"{media_type} of {len(data)} bytes, {hashlib.sha256(data).hexdigest()[:12]}"


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    """Of the members the schema requires; what it is not asked for is not there, so that a lost schema shows."""
    examples = {"string": "Ada", "integer": 36}
    return {name: examples[schema["properties"][name]["type"]] for name in schema["required"]}


def _pieces(text: str) -> tuple[str, ...]:
    third = max(1, len(text) // 3)
    return tuple(piece for piece in (text[:third], text[third : 2 * third], text[2 * third :]) if piece)
