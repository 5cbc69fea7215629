"""Invented prompts of three tasks in which models differ: outcomes that a predictor can learn from, in no time."""

from __future__ import annotations

import numpy as np

from routerapp.learning.outcomes import Outcomes

TASKS = {
    "sums": ["add", "numbers", "total", "sum", "plus", "minus", "count", "carry"],
    "law": ["court", "statute", "judge", "claim", "appeal", "contract", "party", "tort"],
    "code": ["function", "python", "return", "loop", "list", "string", "class", "bug"],
}
SKILL = {"sums": (0.9, 0.6, 0.3), "law": (0.4, 0.8, 0.3), "code": (0.6, 0.6, 0.5)}
MODELS = ("adder", "lawyer", "cheap")
PRICE = (0.003, 0.002, 0.0001)


def outcomes(prompts: int = 240, seed: int = 0) -> Outcomes:
    """Marks are 0 or 1, drawn by the skill of a model at a task; costs by the length of the prompt."""
    generator = np.random.Generator(np.random.PCG64(seed))
    names = [list(TASKS)[at % len(TASKS)] for at in range(prompts)]
    texts = tuple(_text(name, generator) for name in names)
    skill = np.array([SKILL[name] for name in names])
    quality = (generator.random(skill.shape) < skill).astype(np.float64)
    lengths = np.array([len(text) for text in texts], np.float64)
    tokens = np.repeat(lengths[:, None], len(MODELS), axis=1)
    ids = tuple(f"p{at}" for at in range(prompts))
    plain = ("",) * prompts
    return Outcomes(
        ids, texts, ids, plain, tuple(names), plain, MODELS, quality, tokens * np.array(PRICE), tokens, tokens
    )


def _text(task: str, generator: np.random.Generator) -> str:
    words = generator.choice(TASKS[task], size=int(generator.integers(8, 30)))
    return f"Please {' '.join(words)}, number {int(generator.integers(1, 999))}?"
