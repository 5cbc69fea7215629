"""Takes personal data and secrets out of what is kept of a chat: each is replaced by its kind in brackets, such as [email]. Pure.

What is cut off or left out is said in what is returned. Too much taken out is a nuisance, too little a leak: in doubt it goes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from routerapp.engine.ascii_form import ascii_form
from routerapp.engine.pii import pii_places

# Text kept of one request, and as much again of its answer. Beyond it nothing is kept, as nothing beyond is searched.
KEPT_CHARACTERS = 256 * 1024
CUT = "[cut]"
SECRET = "secret"
MAX_DEPTH = 32
# Shorter numbers are no card's.
LONG_NUMBER = 10**12
# a@b.cc: nothing that is looked for is shorter; of thousands of texts most are short.
_SHORTEST = 6

_SECRETS = (
    r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|\z)",
    r"\bsb_[a-z]+_[A-Za-z0-9_\-]{6,}",
    r"\b(?:sk|pk|rk|ak)[-_][A-Za-z0-9_\-]{12,}",
    r"\b(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abeprs]|hf|npm|pypi|dop_v1|shpat|sq0atp|SG|whsec)[-_.][A-Za-z0-9_.\-]{10,}",
    r"\bAIza[A-Za-z0-9_\-]{20,}",
    r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{12,}",
    r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}\.?[A-Za-z0-9_\-]*",
    r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/\-]{8,}=*",
    r"[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@\"'<>]*:[^\s/@\"'<>]+@",
    r"(?i)(?:password|passwd|passphrase|pwd|secret|token|api[_\-]?key|access[_\-]?key|private[_\-]?key|client[_\-]?secret|credentials?)"
    r"[A-Za-z0-9_\-]{0,20}\\?[\"']?\s*(?::|=>|=)\s*(?:\\?\"[^\"\\\n]{6,}|\\?'[^'\\\n]{6,}|[^\s\"',;}\\]{6,})",
)


def redact(text: str) -> tuple[str, int]:
    """(the text without what was found, how many pieces were taken out). Reads all of the text: bound it first."""
    if len(text) < _SHORTEST:
        return text, 0
    read = ascii_form(text)
    places = sorted([*pii_places(read), *_secret_places(read)])
    if not places:
        return text, 0
    parts: list[str] = []
    position, count = 0, 0
    for start, end, kind in _merged(places):
        parts += [text[position:start], f"[{kind}]"]
        position, count = end, count + 1
    return "".join(parts) + text[position:], count


class Redactor:
    """Redacts one JSON value after the other against one allowance of text. found: pieces taken out; is_cut: not all was kept."""

    def __init__(self, most: int = KEPT_CHARACTERS) -> None:
        self.found = 0
        self.is_cut = False
        self._left = most

    def text(self, text: str) -> str:
        """What is over the allowance is cut off before it is read."""
        # A surrogate alone cannot be written as UTF-8.
        text = text.encode("utf-8", "replace").decode() if not text.isascii() else text
        kept = text[: self._left]
        self._left -= len(kept)
        clean, found = redact(kept) if kept else ("", 0)
        self.found += found
        if len(kept) == len(text):
            return clean
        self.is_cut = True
        return clean + CUT

    def value(self, value: Any, depth: int = 0) -> Any:
        """A JSON value with every text in it redacted, names too; numbers that look like somebody's as well."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < LONG_NUMBER):
            return value
        if depth >= MAX_DEPTH or self._left <= 0:
            self.is_cut = True
            return CUT
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner, depth + 1) for inner in value]
        clean = self.text(str(value))
        return value if clean == str(value) else clean


def _secret_places(text: str) -> list[tuple[int, int, str]]:
    patterns, single = _compiled()
    return [
        (match.start(), match.end(), SECRET)
        for index in patterns.Match(text) or ()
        for match in single[index].finditer(text)
    ]


def _merged(places: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Overlapping places as one; a secret's name wins over the others."""
    merged = [places[0]]
    for start, end, kind in places[1:]:
        last_start, last_end, last_kind = merged[-1]
        if start >= last_end:
            merged.append((start, end, kind))
        else:
            merged[-1] = (last_start, max(end, last_end), SECRET if SECRET in (kind, last_kind) else last_kind)
    return merged


@lru_cache(maxsize=1)
def _compiled() -> tuple[Any, tuple[Any, ...]]:
    options = re2.Options()
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for pattern in _SECRETS:
        patterns.Add(pattern)
    patterns.Compile()
    return patterns, tuple(re2.compile(pattern, options) for pattern in _SECRETS)
