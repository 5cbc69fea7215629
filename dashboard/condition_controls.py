"""Which input stands beside an operator, and how its text becomes a document value and back without loss.

Driven by the engine's vocabulary; a field this release does not know is edited as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dashboard.condition_words import field_words
from routerapp.engine.vocabulary import FIELD_BY_NAME, FIELDS, OPERATOR_BY_NAME, OPERATORS, Field

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?\Z", re.ASCII)

_GROUPS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("What the prompt is", ("task", "task_confidence", "complexity", "language", "prompt_tokens", "turns")),
    ("What it contains", ("has_code", "has_math", "has_images", "wants_tools", "wants_json", "pii")),
    ("Its text", ("text", "conversation", "system")),
    ("Who asks", ("key", "team", "user", "tags", "metadata", "header")),
    ("How it is asked", ("model", "stream", "max_tokens")),
    ("When", ("hour", "weekday")),
)


def _field_groups() -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Every field of the vocabulary once; those no group names come last."""
    named = {name for _, names in _GROUPS for name in names}
    groups = [*_GROUPS, ("More", tuple(field.name for field in FIELDS if field.name not in named))]
    return tuple(
        (label, tuple((name, field_words(name)) for name in names if name in FIELD_BY_NAME)) for label, names in groups
    )


FIELD_GROUPS = _field_groups()


def known_field(name: str) -> Field | None:
    """The field, families also before their name is typed."""
    return FIELD_BY_NAME.get(name.partition(".")[0]) or FIELD_BY_NAME.get(name)


def operators_of(name: str) -> tuple[str, ...]:
    field = known_field(name)
    return field.operators if field else tuple(operator.name for operator in OPERATORS)


def control_of(name: str, op: str) -> str:
    """flag, presence, pair, choices, lines, pattern, number, choice or text."""
    field, operator = known_field(name), OPERATOR_BY_NAME.get(op)
    kind = field.kind if field else "text"
    shape = operator.value if operator else "one"
    if shape == "flag":
        return "presence"
    if kind == "bool":
        return "flag"
    if shape in ("pair", "pattern"):
        return shape
    if shape in ("list", "words"):
        return "choices" if field and field.choices else "lines"
    if field and field.choices:
        return "choice"
    return "number" if kind == "number" else "text"


def read_values(name: str, op: str, raw: Sequence[str]) -> tuple[Any, str]:
    """The document value of what was typed, and what is wrong with it (empty when nothing is)."""
    control = control_of(name, op)
    field = known_field(name)
    if control in ("flag", "presence"):
        return (not raw or raw[0] != "false"), ""
    if control in ("choices", "lines"):
        items = list_items(raw)
        return _numbers(items) if field and field.kind == "number" else (items, "" if items else "Give at least one.")
    if control == "pair":
        return _numbers([*raw, "", ""][:2])
    first = raw[0] if raw else ""
    if control == "number":
        numbers, problem = _numbers([first])
        return numbers[0], problem
    if not first:
        return "", "Choose one." if control == "choice" else "This cannot be empty."
    return first, ""


def write_value(name: str, op: str, value: Any) -> list[str]:
    """The texts that read_values turns back into this value."""
    control = control_of(name, op)
    if control in ("flag", "presence"):
        return ["false" if value is False else "true"]
    values = list(value) if isinstance(value, list | tuple) else [value]
    if control == "lines":
        return ["\n".join(_line(one) for one in values)]
    return [_text(one) for one in values]


def list_items(raw: Sequence[str]) -> list[str]:
    """One item a line; a line in JSON quotes keeps its spaces and line ends."""
    return [_unquoted(line.strip()) for text in raw for line in text.splitlines() if line.strip()]


def _numbers(texts: Sequence[str]) -> tuple[list[Any], str]:
    found: list[Any] = []
    problem = "" if texts else "Give at least one number."
    for text in texts:
        if _NUMBER.match(text.strip()) and len(text) < 40:
            found.append(json.loads(text) if not text.strip().startswith(("0", "-0")) else _leading_zero(text.strip()))
        else:
            found.append(text)
            problem = f"“{text}” is not a number." if text.strip() else "A number is missing."
    return found, problem


def _leading_zero(text: str) -> int | float:
    """07 is 7 to a person, but not to JSON."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _line(value: Any) -> str:
    text = _text(value)
    needs_quotes = text != text.strip() or len(text.splitlines()) != 1 or text.startswith('"')
    return json.dumps(text, ensure_ascii=False) if needs_quotes else text


def _unquoted(line: str) -> str:
    if len(line) > 1 and line[0] == line[-1] == '"':
        try:
            value = json.loads(line)
        except ValueError:
            return line
        return value if isinstance(value, str) else line
    return line


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
