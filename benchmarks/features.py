"""Core features of one chat, by size of the prompt."""

from __future__ import annotations

import statistics
import time
from typing import Any

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.features import extract_features

PARAGRAPH = (
    "Please review the following change and tell me whether the retry loop can ever exceed its deadline. "
    "The customer (order 48213, paid 129.90 EUR) wrote that nothing arrived; answer politely and shortly. "
)
SIZES = {"2 KB": 2_000, "50 KB": 50_000, "1 MB": 1_000_000}


def measure() -> dict[str, Any]:
    """Median microseconds of extract_features, content already read."""
    figures: dict[str, Any] = {}
    for label, size in SIZES.items():
        text = (PARAGRAPH * (size // len(PARAGRAPH) + 1))[:size]
        chat = Chat("auto", {}, ({"role": "user", "content": text},))
        content = read_content(chat)
        extract_features(chat, content)
        times = []
        for _ in range(max(20, 400_000 // size)):
            began = time.perf_counter()
            extract_features(chat, content)
            times.append(time.perf_counter() - began)
        figures[f"features of a {label} prompt, median µs"] = round(statistics.median(times) * 1e6, 1)
    return figures
