"""A small predictor that was really trained: sums go well with the cheap model, poems only with the dear one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from routerapp.learning import artefact
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.reading import read_prompts
from routerapp.learning.training import train
from routerapp.store.artefacts import FOLDER, SUFFIX

MODELS = ("cheap", "dear")
SUM = "Add the numbers 17 and 25 and say the total."
POEM = "Write a sad poem about the autumn sea and the moon."
_THINGS = ("apples", "lorries", "stones", "letters", "rivers", "candles", "horses", "chairs", "clouds", "keys")


@lru_cache(maxsize=1)
def small_artefact() -> tuple[bytes, str]:
    """(bytes, sha256)."""
    sums = [f"Add the numbers {n} and {n * 7 % 90} of {_THINGS[n % 10]} and say the total." for n in range(80)]
    poems = [
        f"Write a sad poem about {_THINGS[n % 10]} and the {_THINGS[n * 3 % 10]} by the sea, verse {n}."
        for n in range(80)
    ]
    prompts = (*sums, *poems)
    random = np.random.Generator(np.random.PCG64(3))
    expected = np.array([[0.9, 0.92]] * len(sums) + [[0.2, 0.9]] * len(poems))
    quality = (random.uniform(size=expected.shape) < expected).astype(float)
    cost = np.array([0.0001, 0.002]) * random.uniform(0.8, 1.2, expected.shape)
    tokens = np.array([60.0, 90.0]) * random.uniform(0.8, 1.2, expected.shape)
    names = tuple(str(n) for n in range(len(prompts)))
    tasks = ("sum",) * len(sums) + ("poem",) * len(poems)
    outcomes = Outcomes(
        names,
        prompts,
        names,
        ("made",) * len(prompts),
        tasks,
        tasks,
        MODELS,
        quality,
        cost,
        np.full(cost.shape, 20.0),
        tokens,
    )
    return artefact.write(train(outcomes, read_prompts(prompts), seed=1))


def keep_artefact(data_dir: Path) -> str:
    """Where a worker of this data folder finds it; its sha256."""
    content, sha256 = small_artefact()
    (data_dir / FOLDER).mkdir(exist_ok=True)
    (data_dir / FOLDER / f"{sha256}{SUFFIX}").write_bytes(content)
    return sha256
