"""Reading a prompt and predicting 15 models' answers: once per request, on the path of the request."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from routerapp.learning import artefact
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import read_prompt, read_prompts
from routerapp.learning.training import train

MODELS = 15
TASKS = 20
PROMPTS = 1_500
ROUNDS = 2_000
LENGTHS = (400, 1_800, 50_000)


def measure() -> dict[str, str]:
    """Milliseconds of CPU by length of the prompt: p50, p95, p99 of reading, of predicting, and of both."""
    generator = np.random.Generator(np.random.PCG64(1))
    words = [f"{''.join(generator.choice(list('abcdefghijklmnoprstuvw'), 5))}" for _ in range(4_000)]
    outcomes = _invented(words, generator)
    predictor = Predictor(train(outcomes, read_prompts(outcomes.prompts)))
    content, _ = artefact.write(predictor.fitted)
    figures = {f"artefact of {MODELS} models, {TASKS} tasks": f"{len(content) / 1e6:.1f} MB"}
    for length in LENGTHS:
        prompts = [_text(words, length, generator) for _ in range(50)]
        readings = [read_prompt(prompt) for prompt in prompts]
        figures[f"reading, {length} characters"] = _timed(lambda at, prompts=prompts: read_prompt(prompts[at]))
        figures[f"predicting, {length} characters"] = _timed(
            lambda at, readings=readings: predictor.predict(readings[at])
        )
        figures[f"both, {length} characters"] = _timed(
            lambda at, prompts=prompts: predictor.predict(read_prompt(prompts[at]))
        )
    return figures


def _timed(work: Callable[[int], object]) -> str:
    taken = np.zeros(ROUNDS)
    for at in range(ROUNDS):
        started = time.thread_time()
        work(at % 50)
        taken[at] = time.thread_time() - started
    middle, high, highest = np.percentile(taken * 1e3, [50, 95, 99])
    return f"{middle:.3f} / {high:.3f} / {highest:.3f} ms"


def _text(words: list[str], length: int, generator: np.random.Generator) -> str:
    chosen = generator.integers(0, len(words), size=length // 6 + 1)
    return " ".join(words[at] for at in chosen.tolist())[:length]


def _invented(words: list[str], generator: np.random.Generator) -> Outcomes:
    per_task = len(words) // TASKS
    tasks = generator.integers(0, TASKS, size=PROMPTS)
    prompts = tuple(_text(words[task * per_task : (task + 1) * per_task], 400, generator) for task in tasks.tolist())
    skill = generator.random((TASKS, MODELS))
    quality = (generator.random((PROMPTS, MODELS)) < skill[tasks]).astype(np.float64)
    tokens = generator.gamma(2.0, 200.0, size=quality.shape)
    ids, models = tuple(str(at) for at in range(PROMPTS)), tuple(f"model-{at}" for at in range(MODELS))
    names, plain = tuple(f"task-{task}" for task in tasks.tolist()), ("",) * PROMPTS
    return Outcomes(ids, prompts, ids, plain, names, plain, models, quality, tokens * 1e-6, tokens, tokens)
