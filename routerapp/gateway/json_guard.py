"""Refuses JSON that is dear or dangerous to read before anything reads it: depth, number of containers, invalid UTF-8.

msgspec itself refuses NaN, Infinity and other malformed text; of duplicate keys the last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from routerapp.serving.served import Refused

MAX_DEPTH = 64
MAX_CONTAINERS = 250_000
# Names count too. A text may be as long as the body: 2,000 messages and 512 tools with their schemas stay far below.
MAX_TEXTS = 100_000

_STRING = re.compile(rb'"[^"]*"?')
_OTHERS = bytes(sorted(set(range(256)) - set(b'"[]{}')))
_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """The top-level members as raw JSON, or Refused 400. At most MAX_DEPTH levels of [ and { in all."""
    if len(body) > 2 * MAX_TEXTS and body.count(b'"') - body.count(b'\\"') > 2 * MAX_TEXTS:
        raise bad_request("too_complex", f"The body holds more than {MAX_TEXTS:,} texts.")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(body)
    try:
        if not body.isascii():
            body.decode()
        return _fields_decoder.decode(body)
    except msgspec.ValidationError:
        raise bad_request("invalid_json", "The body must be a JSON object.") from None
    except (ValueError, RecursionError) as error:
        raise malformed(error) from None


def decode_any(raw: bytes, name: str) -> Any:
    """One member decoded to plain values."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise malformed(error, name) from None


def check_readable(fields: Mapping[str, msgspec.Raw], read: Collection[str] = ()) -> None:
    """Members that nobody has read yet hold values at least, no number beyond every range: an adapter may have to translate them."""
    for name, raw in fields.items():
        if name not in read:
            decode_any(raw, name)


def malformed(error: Exception, name: str | None = None) -> Refused:
    place = f"{name} is" if name else "The body is"
    words = str(error).removeprefix("JSON is malformed: ")
    return bad_request("invalid_json", f"{place} not valid JSON: {words}.", name)


def bad_request(code: str, message: str, param: str | None = None) -> Refused:
    return Refused(400, code, message, param=param)


def _check_depth(body: bytes) -> None:
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes in a row leave and enter text: what is between other quotes stays where it was.
    marks = body.translate(_AS_SQUARE, _OTHERS).replace(b'""', b"")
    if marks.count(b'"') > 2 * MAX_CONTAINERS:
        raise _too_complex()
    brackets = _STRING.sub(b"", marks)
    if brackets.count(b"[") > MAX_CONTAINERS:
        raise _too_complex()
    # Each pass removes the innermost level, at C speed; which bracket closes which is the decoder's business.
    for _ in range(MAX_DEPTH):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
    if brackets:
        raise bad_request(
            "too_deep", f"The body is nested deeper than {MAX_DEPTH} levels, or its brackets do not match."
        )


def _too_complex() -> Refused:
    return bad_request(
        "too_complex", f"The body holds more than {MAX_CONTAINERS:,} arrays, objects or texts with brackets."
    )
