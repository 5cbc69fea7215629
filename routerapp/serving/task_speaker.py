"""The trained task head beside the transparent signals: what both say goes into the features, and is recorded with them.

Imported only where a head is in force: it loads numpy and the word vectors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.content import Content
from routerapp.engine.task import TaskClassifier
from routerapp.engine.types import Features
from routerapp.learning.reading import PromptReading, read_prompt
from routerapp.learning.signals import signal_numbers
from routerapp.learning.task_artefact import load_tasks
from routerapp.learning.task_head import TaskHead
from routerapp.serving.predicting import SpeaksOfTasks
from routerapp.serving.prompt_predictor import counts_of

WARM_UP = "Write a function that adds two numbers, and say in one sentence what it does."
UNKNOWN = "unknown"


class TaskSpeaker:
    """Safe to share between threads; keeps nothing of a prompt."""

    def __init__(self, head: TaskHead) -> None:
        self.head = head

    def judge(
        self, features: Features, chat: Chat, content: Content, classifier: TaskClassifier
    ) -> tuple[Features, PromptReading]:
        """task and its confidence are the head's, complexity too where the prompt is familiar; an empty prompt stays as it was."""
        points = classifier.points(
            content.text, has_code=features.has_code, has_math=features.has_math, conversation_turns=content.turns
        )
        reading = read_prompt(content.text, counts_of(chat, content))
        if reading.is_empty:
            return features, reading
        said = self.head.say(reading, signal_numbers(points, features))
        task = said.task or UNKNOWN
        trained: dict[str, Any] = {
            "head": self.head.address,
            "posterior": dict(said.posterior),
            "complexity": said.complexity,
            "signals_task": features.task,
            "signals_confidence": float(features.task_confidence),
            "signals_complexity": float(features.complexity),
        }
        found = msgspec.structs.replace(
            features,
            task=task,
            task_confidence=round(said.confidence, 2),
            task_reasons=features.task_reasons if task == features.task else (),
            complexity=features.complexity if said.complexity is None else round(said.complexity, 2),
            trained=trained,
        )
        return found, reading


def open_task_speaker(path: Path, before: SpeaksOfTasks | None) -> TaskSpeaker:
    """The one before, if it is of the same file. Raises BadArtefact, VectorsMissing and OSError."""
    if isinstance(before, TaskSpeaker) and before.head.address == path.stem:
        return before
    speaker = TaskSpeaker(load_tasks(path, path.stem))
    # The first prompt would pay for loading the vectors.
    read_prompt(WARM_UP)
    return speaker
