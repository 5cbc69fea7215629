"""What speaks of a prompt before its decision, and for which policies it is asked. Loads no arrays: the speaker does, where there is one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import msgspec
from django.db import DatabaseError

from routerapp.engine.chat import Chat
from routerapp.engine.content import Content
from routerapp.engine.policy import Policy
from routerapp.engine.prediction_readers import policies_in, prediction_readers, reads_predictions
from routerapp.engine.strategies.semantic import routes_of
from routerapp.engine.task import TaskClassifier
from routerapp.engine.types import Features, ModelPrediction, Predictions
from routerapp.store.artefacts import NoArtefact, cached_artefact
from routerapp.store.snapshot import Snapshot
from routerapp.store.task_heads import task_head_bytes

log = logging.getLogger(__name__)
Routes = dict[str, tuple[str, ...]]


class SpeaksOfQuality(Protocol):
    """Predicts from one chat. Called between two awaits, so it must take well under a millisecond; what it raises costs no request."""

    def predict(self, chat: Chat, content: Content, routes: Routes, reading: Any = None) -> Predictions | None:
        """routes: of a draft, compared besides those it was opened with. reading: of the prompt, where there is one."""
        ...


class SpeaksOfTasks(Protocol):
    """Judges the task and the difficulty of one chat by a trained head; as quick as the other, and as harmless."""

    def judge(
        self, features: Features, chat: Chat, content: Content, classifier: TaskClassifier
    ) -> tuple[Features, object]:
        """The features with what the head says in them; and the prompt as it was read, for who predicts from the same one."""
        ...


# (path of the artefact or None, routes of the live policies and drafts, what spoke before) -> what speaks now
Opens = Callable[[Path | None, Routes, SpeaksOfQuality | None], SpeaksOfQuality]


@dataclass(frozen=True, slots=True)
class Predicting:
    """For one snapshot. readers: slugs of policies that read predictions; is_for_all: a saved draft does, so that it can be backtested.

    problem: why nothing speaks although evidence names a predictor, for the System page. predictor: its sha256.
    tasks: the trained task head in force, None where there is none, and then judging costs nothing.
    """

    speaker: SpeaksOfQuality | None = None
    readers: frozenset[str] = frozenset()
    is_for_all: bool = False
    problem: str = ""
    predictor: str = ""
    tasks: SpeaksOfTasks | None = None

    def judged(
        self, features: Features, chat: Chat, content: Content, classifier: TaskClassifier
    ) -> tuple[Features, object]:
        """(features, the prompt as it was read or None): as they are without a task head in force. Never raises: the signals stand then."""
        if self.tasks is None or chat.endpoint != "chat":
            return features, None
        try:
            return self.tasks.judge(features, chat, content, classifier)
        except Exception:
            log.exception("The task head could not judge a request; the transparent signals stand.")
            return features, None

    def of(self, policy: Policy | None, chat: Chat, content: Content, reading: object = None) -> Predictions | None:
        """None where nobody asks, or nothing speaks. Never raises: a prediction is no reason to fail a request.

        reading: of this prompt, where it has been read already.
        """
        if self.speaker is None or policy is None or chat.endpoint != "chat" or not self._is_asked(policy):
            return None
        try:
            routes = {} if policy.version else dict(routes_of(policy.document))
            read = () if reading is None else (reading,)
            return sound(self.speaker.predict(chat, content, routes, *read))
        except Exception:
            log.exception("Nothing could be predicted for a request; its policy takes its default.")
            return None

    def _is_asked(self, policy: Policy) -> bool:
        if self.is_for_all or policy.slug in self.readers:
            return True
        if policy.version:
            return False
        # A draft that was never saved, or one tried out before its snapshot is here.
        return reads_predictions(policy.document) or any(slug in self.readers for slug in policies_in(policy.document))


NOTHING_PREDICTED = Predicting()


def sound(predictions: Predictions | None) -> Predictions | None:
    """Floats where floats are meant, as the journal reads them back, and no model of which no finite number was said."""
    if predictions is None:
        return None
    models = {
        slug: ModelPrediction(
            float(one.quality), float(one.sd), None if one.output_tokens is None else float(one.output_tokens)
        )
        for slug, one in predictions.models.items()
        if isfinite(one.quality) and isfinite(one.sd) and (one.output_tokens is None or isfinite(one.output_tokens))
    }
    return msgspec.structs.replace(
        predictions,
        models=models,
        familiarity=float(predictions.familiarity),
        difficulty=float(predictions.difficulty),
        tasks=_finite(predictions.tasks),
        cluster_quality=_finite(predictions.cluster_quality),
        routes=_finite(predictions.routes),
    )


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isfinite(value)}


def open_predicting(snapshot: Snapshot, folder: Path, before: Predicting, opens: Opens | None = None) -> Predicting:
    """What speaks under this snapshot. Blocks on files and the database; whatever is missing or broken becomes the problem it says."""
    found = _open_quality(snapshot, folder, before, opens)
    tasks, problem = open_tasks(snapshot.evidence.task_head, folder, before.tasks)
    return replace(found, tasks=tasks, problem=found.problem or problem)


def _open_quality(snapshot: Snapshot, folder: Path, before: Predicting, opens: Opens | None) -> Predicting:
    drafts = snapshot.parts.draft_documents
    policies = {
        slug: list(entry["versions"].values()) for slug, entry in snapshot.parts.config_document["policies"].items()
    }
    readers = prediction_readers(policies)
    is_for_all = any(map(reads_predictions, drafts))
    predictor = snapshot.evidence.predictor
    if not readers and not is_for_all:
        return Predicting(predictor=predictor)
    routes: Routes = {key: examples for one in (*policies.values(), drafts) for key, examples in routes_of(one)}
    path, problem = _fetched(predictor, "predictor", lambda: cached_artefact(predictor, folder))
    if path is None and not routes:
        return Predicting(None, readers, is_for_all, problem, predictor)
    try:
        speaker = (opens or _open_speaker)(path, routes, before.speaker)
    except Exception as error:
        problem = problem or f"The predictor {predictor[:12]} cannot be used: {error}"
        log.exception("%s", problem)
        return Predicting(None, readers, is_for_all, problem, predictor)
    return Predicting(speaker, readers, is_for_all, problem, predictor)


def open_tasks(address: str, folder: Path, before: SpeaksOfTasks | None) -> tuple[SpeaksOfTasks | None, str]:
    """(the trained head of this address, why it cannot speak); (None, "") without an address."""
    path, problem = _fetched(address, "task head", lambda: cached_artefact(address, folder, task_head_bytes))
    if path is None:
        return None, problem
    # Arrays and word vectors are loaded only where a head is in force.
    from routerapp.serving.task_speaker import open_task_speaker

    try:
        return open_task_speaker(path, before), ""
    except Exception as error:
        problem = f"The task head {address[:12]} cannot be used: {error}"
        log.exception("%s", problem)
        return None, problem


def _fetched(address: str, what: str, fetch: Callable[[], Path]) -> tuple[Path | None, str]:
    if not address:
        return None, ""
    try:
        return fetch(), ""
    except NoArtefact as error:
        problem = str(error)
    except (DatabaseError, OSError) as error:
        problem = f"The {what} {address[:12]} could not be fetched: {error}"
    log.error("%s What goes by it takes its default.", problem)
    return None, problem


def _open_speaker(path: Path | None, routes: Routes, before: SpeaksOfQuality | None) -> SpeaksOfQuality:
    # Arrays and word vectors are loaded only where a policy reads predictions.
    from routerapp.serving.prompt_predictor import open_prompt_predictor

    return open_prompt_predictor(path, routes, before)
