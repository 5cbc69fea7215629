"""Real outcomes for the simulations: quality and cost of each prompt and model, and the category; no text is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from routerapp.learning.evidence import Floats, Integers

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "routing"
POOLS = {
    "mmlu-pro": (
        "gemini-1.5-pro-002",
        "gemini-1.5-flash-002",
        "Meta-Llama-3_1-70B-Instruct",
        "Qwen1.5-72B-Chat",
        "jamba-1.5-large",
        "Meta-Llama-3_1-8B-Instruct",
    ),
    "reasoning-gym": (
        "llama-4-maverick",
        "claude-3.5-sonnet",
        "llama-4-scout",
        "mistral-small-3.1-24b-instruct",
        "llama-3.3-70b-instruct",
        "gemma-3-27b-it",
    ),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """quality (0 to 1), cost_usd: (n, m); category: (n,) places in `categories`."""

    models: tuple[str, ...]
    categories: tuple[str, ...]
    quality: Floats
    cost_usd: Floats
    category: Integers


def is_there() -> bool:
    return all((FOLDER / f"{name}.parquet").is_file() for name in POOLS)


def answers(pool: str) -> Answers:
    """Of the prompts that every model of the pool answered. Raises FileNotFoundError where the data set is not beside the repository."""
    from pyarrow import parquet

    models = POOLS[pool]
    columns = ["prompt_id", "model", "category", "quality", "cost_usd"]
    table = parquet.read_table(FOLDER / f"{pool}.parquet", columns=columns, filters=[("model", "in", list(models))])
    ids, prompt = np.unique(np.array(table["prompt_id"].to_pylist()), return_inverse=True)
    places = {name: place for place, name in enumerate(models)}
    model = np.array([places[name] for name in table["model"].to_pylist()])
    quality, cost = np.full((len(ids), len(models)), np.nan), np.full((len(ids), len(models)), np.nan)
    quality[prompt, model] = table["quality"].to_numpy()
    cost[prompt, model] = table["cost_usd"].to_numpy()
    names, category_of_row = np.unique(np.array(table["category"].to_pylist()), return_inverse=True)
    category = np.zeros(len(ids), dtype=np.int64)
    category[prompt] = category_of_row
    whole = ~np.isnan(quality).any(axis=1) & ~np.isnan(cost).any(axis=1)
    return Answers(models, tuple(str(name) for name in names), quality[whole], cost[whole], category[whole])
