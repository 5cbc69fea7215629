"""The examples of each task class that every copy of the product carries: written for it, in eight languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("task_examples.toml")

Examples = Mapping[str, Mapping[str, tuple[str, ...]]]


@lru_cache(maxsize=1)
def shipped_examples() -> Examples:
    """class -> language -> prompts."""
    document = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        task: {language: tuple(texts) for language, texts in languages.items()} for task, languages in document.items()
    }
