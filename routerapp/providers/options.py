"""What a provider of each kind may be told besides its address and credential: Provider.options, checked before it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.problems import Problem


@dataclass(frozen=True, slots=True)
class Option:
    """value: text, flag or choice. pattern holds for the whole of a text."""

    name: str
    value: str
    help: str
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    example: str = ""


OPTIONS: dict[str, tuple[Option, ...]] = {
    "anthropic": (
        Option(
            "api_version",
            "choice",
            "The version of the API; 2023-06-01 for models that still take temperature, top_p and top_k",
            choices=("2026-10-21", "2023-06-01"),
        ),
        Option(
            "thinking",
            "choice",
            "How reasoning_effort is said: adaptive thinking with an effort (4.6 and later) or a budget of tokens (before)",
            choices=("adaptive", "budget"),
        ),
    ),
    "azure": (
        Option(
            "api_version",
            "text",
            "Calls the dated API of each deployment; empty for the v1 API",
            pattern=re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?", re.ASCII),
            example="2024-10-21",
        ),
    ),
    "gemini": (
        Option(
            "thinking",
            "choice",
            "How reasoning_effort is said: as a level, or as a budget of tokens for models before 3",
            choices=("level", "budget"),
        ),
        Option("include_thoughts", "flag", "Ask for summaries of the thoughts; they arrive as reasoning_content"),
        Option(
            "file_urls", "flag", "Let Google fetch images by their http address (fileData) instead of refusing them"
        ),
        Option(
            "missing_signature",
            "choice",
            "For tool calls that come back without their thought signature: skip the check (3 and later refuse them else) or omit it",
            choices=("skip", "omit"),
        ),
    ),
}


def check_options(kind: str, options: Any) -> list[Problem]:
    """Every problem, each with its path."""
    if not isinstance(options, Mapping):
        return [Problem("options", "wrong_type", "Options are an object.")]
    return list(_problems(kind, options))


def _problems(kind: str, options: Mapping[str, Any]) -> Iterator[Problem]:
    known = {option.name: option for option in OPTIONS.get(kind, ())}
    for name, value in options.items():
        path = f"options.{str(name)[:60]}"
        option = known.get(name)
        if option is None:
            allowed = f"Known: {', '.join(known)}." if known else "It has none."
            yield Problem(path, "unknown_key", f"The kind {kind} has no such option. {allowed}")
        elif (complaint := _complaint(option, value)) is not None:
            yield Problem(path, "bad_value", complaint)


def _complaint(option: Option, value: Any) -> str | None:
    if option.value == "flag":
        return None if isinstance(value, bool) else "This is true or false."
    if not isinstance(value, str):
        return "This is text."
    if option.value == "choice":
        return None if value in option.choices else f"This is one of: {', '.join(option.choices)}."
    if option.pattern is not None and not option.pattern.fullmatch(value):
        return f"This must look like {option.example}."
    return None
