"""The speaker with arrays behind it: reads a chat once, asks the predictor, compares with the examples of semantic routes.

Imported only where a policy reads predictions: it loads numpy and the word vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from routerapp.engine.chat import Chat
from routerapp.engine.content import Content
from routerapp.engine.types import Predictions
from routerapp.learning.artefact import load
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import FORMATS, PromptReading, RequestCounts, read_prompt
from routerapp.learning.semantic_routes import similarities
from routerapp.serving.predicting import Routes, SpeaksOfQuality

Vectors = NDArray[np.float32]
WARM_UP = "Write a function that adds two numbers, and say in one sentence what it does."
MOST_TRIED_OUT = 200


class PromptPredictor:
    """predictor: None where only semantic routes are read. examples: of the live policies and saved drafts, (n, 256) by route."""

    def __init__(self, predictor: Predictor | None, examples: Mapping[str, Vectors]) -> None:
        self.predictor = predictor
        self.examples = dict(examples)
        self._tried_out: dict[str, Vectors] = {}

    def predict(
        self, chat: Chat, content: Content, routes: Routes, reading: PromptReading | None = None
    ) -> Predictions:
        if reading is None:
            reading = read_prompt(content.text, counts_of(chat, content))
        found = Predictions("", familiarity=0.0) if self.predictor is None else self.predictor.predict(reading)
        if not self.examples and not routes:
            return found
        near = similarities(reading.vector, {**self.examples, **self._of_draft(routes)})
        return msgspec.structs.replace(found, routes=near)

    def _of_draft(self, routes: Routes) -> dict[str, Vectors]:
        """Vectors of a draft's examples that nobody has saved yet; a few are kept, for it will be tried again."""
        missing = {key: examples for key, examples in routes.items() if key not in self.examples}
        if len(self._tried_out) > MOST_TRIED_OUT:
            self._tried_out = {}
        for key, examples in missing.items():
            if key not in self._tried_out:
                self._tried_out[key] = vectors_of(examples)
        return {key: self._tried_out[key] for key in missing}


def counts_of(chat: Chat, content: Content) -> RequestCounts:
    """What the predictor knows of a request besides its last user message."""
    asked = chat.response_format or FORMATS[0]
    return RequestCounts(
        tools=len(chat.tools),
        turns=content.turns,
        has_system_prompt=bool(content.system),
        format=asked if asked in FORMATS else FORMATS[0],
        max_tokens=max(chat.max_tokens or 0, 0),
    )


def vectors_of(examples: tuple[str, ...]) -> Vectors:
    """(n, 256), each of length 1."""
    return np.stack([read_prompt(example).vector for example in examples])


def open_prompt_predictor(path: Path | None, routes: Routes, before: SpeaksOfQuality | None) -> PromptPredictor:
    """What has not changed is taken from the one before. Raises BadArtefact, VectorsMissing and OSError."""
    known = before if isinstance(before, PromptPredictor) else None
    predictor = None
    if path is not None:
        is_same = known is not None and known.predictor is not None and known.predictor.address == path.stem
        predictor = known.predictor if known is not None and is_same else load(path, path.stem)
    old = known.examples if known is not None else {}
    examples = {key: old[key] if key in old else vectors_of(texts) for key, texts in routes.items()}
    speaker = PromptPredictor(predictor, examples)
    # The first prompt would pay for loading the vectors.
    reading = read_prompt(WARM_UP)
    if predictor is not None:
        predictor.predict(reading)
    return speaker
