"""How demanding a prompt looks, 0..1, from counts anyone can check."""

from __future__ import annotations

import math

# Share of each part in the sum; a prompt of about 2,000 tokens with code, mathematics and many demands reaches 1.
LENGTH_SHARE = 0.30
TASK_SHARE = 0.25
DEMANDS_SHARE = 0.20
CONTENT_SHARE = 0.25

TASK_DIFFICULTY = {
    "chat": 0.0,
    "question": 0.2,
    "translate": 0.3,
    "classify": 0.3,
    "extract": 0.4,
    "summarize": 0.4,
    "writing": 0.5,
    "unknown": 0.4,
    "code": 0.8,
    "math": 0.8,
    "reasoning": 1.0,
}
MANY_DEMANDS = 6


def complexity(*, prompt_tokens: int, task: str, text: str, has_code: bool, has_math: bool, turns: int) -> float:
    """Weighted sum of log length, task difficulty, list items and questions asked, and code or formulas; two decimals."""
    length = min(math.log2(1 + prompt_tokens) / 11, 1.0)
    demands = min(
        (text.count("?") + text.count("\n- ") + text.count("\n1.") + text.count(";") + turns - 1) / MANY_DEMANDS, 1.0
    )
    content = min(0.6 * has_code + 0.6 * has_math, 1.0)
    total = (
        LENGTH_SHARE * length
        + TASK_SHARE * TASK_DIFFICULTY.get(task, 0.4)
        + DEMANDS_SHARE * demands
        + CONTENT_SHARE * content
    )
    return round(min(total, 1.0), 2)
