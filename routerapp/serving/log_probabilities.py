"""The mean log probability of an answer's tokens, where the upstream gave them. Bounded; raises nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from routerapp.engine.section import is_number
from routerapp.engine.types import PlanStep
from routerapp.providers.errors import ProviderError
from routerapp.providers.sse import EventSplitter, data_of

MOST_TOKENS = 50_000


def asking_for_log_probabilities(step: PlanStep, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters as they are, and logprobs where a check of this step is of them."""
    if not step.accept_if or all(one["check"] != "log_probability" for one in step.accept_if):
        return parameters
    return {**parameters, "logprobs": True}


class LogProbabilities:
    """Of the first choice, in the OpenAI shape: choices[0].logprobs.content[].logprob."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._n = 0

    @property
    def mean(self) -> float | None:
        """Per token, in nats; None where there are none."""
        return self._sum / self._n if self._n else None

    def take_body(self, body: bytes) -> None:
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return
        for value in _values(document):
            if self._n < MOST_TOKENS:
                self._sum += value
                self._n += 1

    def take_events(self, events: bytes) -> None:
        try:
            for event in EventSplitter().feed(events):
                data = data_of(event)
                if data is not None and b'"logprob"' in data:
                    self.take_body(data)
        except ProviderError:
            return


def _values(document: Any) -> Iterator[float]:
    choices = document.get("choices") if isinstance(document, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    given = first.get("logprobs") if isinstance(first, dict) and first.get("index", 0) == 0 else None
    tokens = given.get("content") if isinstance(given, dict) else None
    for token in tokens if isinstance(tokens, list) else ():
        value = token.get("logprob") if isinstance(token, dict) else None
        if isinstance(value, int | float) and is_number(value):
            yield min(0.0, float(value))
