"""Prompts offered for a calibration: read from people's JSONL line by line, kept as one compressed document until some are chosen."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs
import msgspec
import re2

from routerapp.engine.answer_checks import SCHEMA_BYTES
from routerapp.engine.text_match import PATTERN_CHARACTERS, compile_pattern
from routerapp.models import GradingKind
from routerapp.serving.answer_acceptance import schema_validator
from routerapp.serving.refusals import Invalid, invalid

MOST_BYTES = 3 * 1024 * 1024
MOST_PROMPTS = 5_000
PROMPT_CHARACTERS = 100_000
EXPECTED_CHARACTERS, MOST_EXPECTED = 4_000, 20
FIELDS = ("prompt", "system", "expected", "pattern", "schema")
# What a line must have where answers are held against it.
NEEDED = {GradingKind.EXPECTED: "expected", GradingKind.PATTERN: "pattern", GradingKind.SCHEMA: "schema"}


class OfferedPrompt(msgspec.Struct, frozen=True):
    """text: the last user message. messages: all of it, as sent. expected: any of these is right. options: what else is sent along."""

    text: str
    messages: list[dict[str, str]]
    expected: list[str] = []
    pattern: str = ""
    schema: dict[str, Any] | None = None
    options: dict[str, Any] = {}

    @property
    def document(self) -> dict[str, Any]:
        """What a row keeps beside the text; empty things are left out."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        del kept["text"]
        return {name: value for name, value in kept.items() if value not in (None, "", [], {})}


def prompt_of(text: str, document: Mapping[str, Any]) -> OfferedPrompt:
    """A row's prompt, as it was offered."""
    return msgspec.convert({"text": text, **document}, OfferedPrompt)


def read_jsonl(content: bytes, grading: str) -> list[OfferedPrompt]:
    """One JSON object a line; blank lines are passed over. Raises Invalid at `prompts`, naming the line, the field and what is allowed."""
    if len(content) > MOST_BYTES:
        raise _refused("too_large", f"The prompts have at most {MOST_BYTES // 2**20} MiB together.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused("not_text", f"The prompts are not UTF-8: byte {error.start} cannot be read.") from None
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            found.append(_read_line(line, f"Line {number}", grading))
        if len(found) > MOST_PROMPTS:
            raise _refused("too_many", f"At most {MOST_PROMPTS:,} prompts are read; line {number} is beyond them.")
    return _whole(found)


def read_objects(objects: Iterable[Any], grading: str) -> list[OfferedPrompt]:
    """The same from decoded objects."""
    found = [_read_object(one, f"Prompt {number}", grading) for number, one in enumerate(objects, start=1)]
    if len(found) > MOST_PROMPTS:
        raise _refused("too_many", f"At most {MOST_PROMPTS:,} prompts are read.")
    return _whole(found)


def pack(prompts: list[OfferedPrompt]) -> bytes:
    return zlib.compress(msgspec.json.encode(prompts))


def unpack(packed: bytes) -> list[OfferedPrompt]:
    return msgspec.json.decode(zlib.decompress(packed), type=list[OfferedPrompt])


def _whole(found: list[OfferedPrompt]) -> list[OfferedPrompt]:
    """Each question once: the same one twice would be paid twice."""
    if not found:
        raise _refused("empty", 'There is no prompt. Write one JSON object a line, such as {"prompt": "…"}.')
    once: dict[bytes, OfferedPrompt] = {}
    for one in found:
        once.setdefault(msgspec.json.encode(one.messages), one)
    return list(once.values())


def _read_line(line: str, place: str, grading: str) -> OfferedPrompt:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _refused("not_json", f"{place} is not JSON: {error}") from None
    return _read_object(value, place, grading)


def _read_object(value: Any, place: str, grading: str) -> OfferedPrompt:
    if not isinstance(value, dict):
        raise _refused("not_an_object", f'{place} is not an object such as {{"prompt": "…"}}.')
    unknown = sorted(set(value) - set(FIELDS))
    if unknown:
        words = f"{place} has a field {unknown[0][:40]!r}. Allowed: {', '.join(FIELDS)}."
        raise _refused("unknown_field", words)
    needed = NEEDED.get(GradingKind(grading))
    if needed is not None and value.get(needed) in (None, "", [], {}):
        raise _refused("missing", f"{place} has no {needed}, against which its answers would be graded.")
    text, system = _text(value, "prompt", place), _text(value, "system", place)
    if not text.strip():
        raise _refused("missing", f"{place} has no prompt.")
    messages = [{"role": "system", "content": system}] if system else []
    return OfferedPrompt(
        text=text,
        messages=[*messages, {"role": "user", "content": text}],
        expected=_expected(value.get("expected"), place),
        pattern=_pattern(value.get("pattern"), place),
        schema=_schema(value.get("schema"), place),
    )


def _text(value: dict[str, Any], name: str, place: str) -> str:
    text = value.get(name) or ""
    if not isinstance(text, str):
        raise _refused("not_text", f"{place}: {name} is text, not {type(text).__name__}.")
    if len(text) > PROMPT_CHARACTERS:
        raise _refused("too_long", f"{place}: {name} has at most {PROMPT_CHARACTERS:,} characters.")
    if "\0" in text or (not text.isascii() and _has_surrogate(text)):
        raise _refused("not_text", f"{place}: {name} has characters that are none (U+0000 or half a pair).")
    return text


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _expected(value: Any, place: str) -> list[str]:
    """One right answer or several; a number counts as its text."""
    if value is None:
        return []
    given = value if isinstance(value, list) else [value]
    if len(given) > MOST_EXPECTED:
        raise _refused("too_many", f"{place}: expected has at most {MOST_EXPECTED} answers.")
    if any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in given):
        raise _refused("not_text", f"{place}: expected is a text, a number or a list of them.")
    return [_text({"expected": str(one)[: EXPECTED_CHARACTERS + 1]}, "expected", place) for one in given]


def _pattern(value: Any, place: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > PATTERN_CHARACTERS:
        raise _refused("bad_pattern", f"{place}: a pattern is text of at most {PATTERN_CHARACTERS} characters.")
    try:
        compile_pattern(value)
    except re2.error as error:
        raise _refused("bad_pattern", f"{place}: RE2 cannot read this pattern: {error}") from None
    return value


def _schema(value: Any, place: str) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(msgspec.json.encode(value)) > SCHEMA_BYTES:
        raise _refused("bad_schema", f"{place}: a schema is an object of at most {SCHEMA_BYTES:,} bytes.")
    try:
        schema_validator(value)
    except (jsonschema_rs.ValidationError, ValueError, RecursionError) as error:
        words = str(error).splitlines()[0][:200]
        raise _refused("bad_schema", f"{place}: this schema cannot be used: {words}") from None
    return value


def _refused(code: str, message: str) -> Invalid:
    return invalid("prompts", code, message)
