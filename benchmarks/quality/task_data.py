"""Labelled prompts for the task head: our own examples, the demo's prompts, and the data sets that plainly are of one task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from routerapp.engine.task_words import TASKS
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.reading import read_prompts
from routerapp.learning.signals import signals_of
from routerapp.learning.task_examples import shipped_examples
from routerapp.learning.task_training import TaskExamples

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "routerapp" / "demo" / "prompts.yaml"
# Templates repeat themselves: a few dozen of one kind say what a thousand would.
MOST_PER_KIND = 3
OF_DATA_WEIGHT = 0.3
KNOWLEDGE = (
    "anatomy", "astronomy", "business_ethics", "clinical_knowledge", "college_biology", "college_medicine", "global_facts",
    "high_school_biology", "high_school_european_history", "high_school_geography", "high_school_government_and_politics",
    "high_school_psychology", "high_school_us_history", "high_school_world_history", "human_aging", "human_sexuality",
    "international_law", "jurisprudence", "management", "marketing", "medical_genetics", "miscellaneous", "nutrition",
    "philosophy", "prehistory", "public_relations", "security_studies", "sociology", "us_foreign_policy", "virology",
    "world_religions", "history", "psychology", "health", "biology", "law", "other",
)  # fmt: skip
TASK_OF_CATEGORY = {
    **dict.fromkeys(KNOWLEDGE, "question"),
    **dict.fromkeys(
        ("gsm8k", "math-l5", "math", "elementary_mathematics", "high_school_mathematics", "college_mathematics",
         "abstract_algebra", "high_school_statistics", "arithmetic", "algebra", "geometry"), "math"
    ),
    **dict.fromkeys(("crux", "coding", "code"), "code"),
    **dict.fromkeys(
        ("formal_logic", "reasoning", "logic", "games", "graphs", "cognition", "induction", "arc", "algorithmic"), "reasoning"
    ),
    "writing": "writing",
    "roleplay": "chat",
    "extraction": "extract",
    "humanities": "question",
    "stem": "question",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """One prompt with its class. source: own, demo, or the data set; kind: what a template repeats within."""

    text: str
    task: str
    language: str
    source: str
    group: str
    kind: str = ""


def own_examples() -> list[Labelled]:
    return [
        Labelled(text, task, language, "own", f"own:{task}:{language}:{number}")
        for task, languages in shipped_examples().items()
        for language, texts in languages.items()
        for number, text in enumerate(texts)
    ]


def demo_prompts() -> list[Labelled]:
    rows = yaml.safe_load(DEMO.read_text())
    return [
        Labelled(row["text"], row["task"], row.get("language", "en"), "demo", f"demo:{number}")
        for number, row in enumerate(rows)
    ]


def of_data(sets: Sequence[Outcomes], most: int = MOST_PER_KIND) -> list[Labelled]:
    """At most so many of each task and category that is plainly of one class; those whose group hash is lowest."""
    kinds: dict[str, list[Labelled]] = {}
    for outcomes in sets:
        labels = (outcomes.prompts, outcomes.tasks, outcomes.categories, outcomes.datasets, outcomes.groups)
        for text, task, category, dataset, group in zip(*labels, strict=True):
            if (named := TASK_OF_CATEGORY.get(category)) is not None:
                kind = f"{dataset}/{task}/{category}"
                kinds.setdefault(kind, []).append(Labelled(text, named, "en", dataset, group, kind))
    return [one for kind in sorted(kinds) for one in sorted(kinds[kind], key=lambda row: row.group)[:most]]


def together(labelled: Iterable[Labelled]) -> TaskExamples:
    """Own examples and the demo's count fully; a class's prompts of data sets together count half as much at most.

    Calibration goes by the own ones alone: the transparent words were written with the demo's prompts in sight.
    """
    rows = list(labelled)
    member = np.array([TASKS.index(row.task) for row in rows], np.int64)
    is_ours = np.array([row.source in ("own", "demo") for row in rows])
    weight = np.where(is_ours, 1.0, OF_DATA_WEIGHT)
    for place in range(len(TASKS)):
        of_data = ~is_ours & (member == place)
        own = is_ours & (member == place)
        if weight[of_data].sum() > 0.5 * own.sum():
            weight[of_data] *= 0.5 * own.sum() / weight[of_data].sum()
    return TaskExamples(
        read_prompts([row.text for row in rows]),
        np.stack([signals_of(row.text)[1] for row in rows]),
        member,
        weight,
        tuple(row.group for row in rows),
        np.array([row.source == "own" for row in rows]),
    )
