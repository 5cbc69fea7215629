"""Core features of one chat: facts and counts, no judgement of policy. Dear enough to do once, cheap enough to do always."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from routerapp.engine.chat import Chat
from routerapp.engine.complexity import complexity
from routerapp.engine.content import Content
from routerapp.engine.language import detect_language
from routerapp.engine.pii import find_pii
from routerapp.engine.task import TaskClassifier, default_classifier
from routerapp.engine.types import Features

BYTES_PER_TOKEN = 4
SHAPE_CHARACTERS = 8_000
TOKENS_PER_IMAGE = 800

_CODE = (
    r"```",
    r"(?m)^\s*(?:def|class|import|from|func|fn|public|private|static|const|let|var|#include|package|using|impl|struct)\b.*[:;{(<>=\w]\s*$",
    r"(?i)\bselect\b.{1,200}\bfrom\b.{0,200}(?:\bwhere\b|\bjoin\b|\bgroup by\b|\border by\b|;|\blimit\b)",
    r"\w+\([^()\n]*\)\s*(?:;|\{|=>|->|:)",
    r"(?m)^\s*(?:\$ |#!/|sudo |kubectl |docker |git |npm |pip |curl )",
    r"(?:Traceback \(most recent|\bat [\w$.]+\([\w.]+:\d+\)|\b\w+(?:Error|Exception): )",
    r"[\w\])]\s*(?:===|!==|&&|\|\||::|\+=|->)\s*[\w(\[]",
    r"</?[a-z][a-z0-9-]*(?: [a-z-]+=[\"'][^\"']*[\"'])*\s*/?>",
    r"(?m);\s*$.*\n.*;\s*$",
    r"\bif ?\([^)\n]+\)\s*[{\w]",
)
_MATH = (
    r"\$\$?[^$\n]{2,}\$\$?",
    r"\\(?:frac|int|sum|sqrt|lim|alpha|begin\{)",
    r"\b\d*[xyzn]\s*(?:\^|\*\*)\s*\d|[xyz][²³]",
    r"\b\d*[xyz]\s*[+\-*/]\s*\d+[xyz]?\s*[=<>≤≥]",
    r"[∫∑√π≤≥∞±≡∈]",
    r"\b\d+(?:[.,]\d+)?\s*[+*/×÷^]\s*\d+(?:[.,]\d+)?",
    r"\b(?:log|sin|cos|tan|ln|exp|sqrt)\d?\s?\(",
    r"\d+(?:[.,]\d+)?\s?%\s*(?:of|von|de|di|do|off)\b",
    r"\bf\(x\)|\bmod \d",
)


@lru_cache(maxsize=1)
def _shape_set() -> Any:
    options = re2.Options()
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for pattern in (*_CODE, *_MATH):
        patterns.Add(pattern)
    patterns.Compile()
    return patterns


def estimate_tokens(size_bytes: int, factor: float = 1.0) -> int:
    """UTF-8 bytes / 4 times the correction learned from returned usage; at least 1."""
    return max(1, round(size_bytes / BYTES_PER_TOKEN * factor))


def longest_input(chat: Chat) -> int:
    """Tokens of the longest of a batch of inputs, each of which is read by itself."""
    if chat.token_inputs:
        return max(chat.token_inputs)
    content = chat.messages[0].get("content") if chat.messages else ""
    texts = [part.get("text", "") for part in content] if isinstance(content, list) else [content or ""]
    return max((estimate_tokens(len(text.encode("utf-8", "surrogatepass"))) for text in texts), default=1)


def extract_features(
    chat: Chat, content: Content, classifier: TaskClassifier | None = None, token_factor: float = 1.0
) -> Features:
    """All core features; prompt_tokens counts the conversation, the tools sent and a flat share per image."""
    text = content.text
    shapes = _shape_set().Match(text[:SHAPE_CHARACTERS]) or ()
    has_code = any(index < len(_CODE) for index in shapes)
    has_math = any(index >= len(_CODE) for index in shapes)
    guess = (classifier or default_classifier()).guess(
        text, has_code=has_code, has_math=has_math, conversation_turns=content.turns
    )
    size = len(content.conversation.encode("utf-8", "surrogatepass")) + len(chat.fields.get("tools", b""))
    prompt_tokens = estimate_tokens(size, token_factor) + TOKENS_PER_IMAGE * content.has_images
    pii, scan_complete = find_pii(content.conversation)
    if chat.token_inputs:
        # Nobody can say what such numbers spell, so nobody can say that it is harmless.
        prompt_tokens, scan_complete = sum(chat.token_inputs), False
    return Features(
        prompt_tokens=prompt_tokens,
        tokens_exact=bool(chat.token_inputs),
        task=guess.task,
        task_confidence=guess.confidence,
        task_reasons=guess.reasons,
        complexity=complexity(
            prompt_tokens=prompt_tokens,
            task=guess.task,
            text=text[:SHAPE_CHARACTERS],
            has_code=has_code,
            has_math=has_math,
            turns=content.turns,
        ),
        language=detect_language(text),
        has_code=has_code,
        has_math=has_math,
        has_images=content.has_images,
        wants_tools=bool(chat.tools),
        wants_json=chat.response_format in ("json_object", "json_schema"),
        pii=pii,
        scan_complete=scan_complete,
        turns=content.turns,
    )
