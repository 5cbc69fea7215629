"""A few prompts to start from: the first of each task, and one of each language, out of the demo's file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

import routerapp

FILE = Path(routerapp.__file__).parent / "demo" / "prompts.yaml"
LONGEST = 700
PLAIN_ONLY_IN_ENGLISH = ("code", "math")


@dataclass(frozen=True, slots=True)
class SamplePrompt:
    number: int
    label: str
    text: str


@cache
def sample_prompts() -> tuple[SamplePrompt, ...]:
    """Read once a process."""
    entries = yaml.safe_load(FILE.read_text("utf-8"))
    seen: set[str] = set()
    found: list[SamplePrompt] = []
    for entry in entries:
        language, task, text = entry.get("language", "en"), entry.get("task", "chat"), entry.get("text", "")
        # In English one of each task; of other languages one each, and no two with the same task.
        kinds = {task} if language == "en" else {language, f"{task} elsewhere"}
        is_plain = language == "en" or task not in PLAIN_ONLY_IN_ENGLISH
        if kinds & seen or not is_plain or not isinstance(text, str) or len(text) > LONGEST:
            continue
        seen |= kinds
        label = task if language == "en" else f"{task}, {language}"
        found.append(SamplePrompt(len(found) + 1, label, text.strip()))
    return tuple(found)
