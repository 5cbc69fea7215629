"""Recent requests with what the predictor in force says of them: as recorded with them, else from their content where that was kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from routerapp.engine.content import read_content
from routerapp.engine.types import Inputs
from routerapp.store.artefacts import NoArtefact, cached_artefact
from routerapp.store.kept_chats import whole_chats
from routerapp.store.recorded import RecordedRequest, recorded_window

MOST_REQUESTS = 1_000


class NothingPredicts(ValueError):
    """No predictor is promoted, or it cannot be read; the message says which."""


@dataclass(frozen=True, slots=True)
class RecentPredictions:
    """inputs: of chats that something is predicted for, newest first. recorded: how many of these were predicted when they came; the rest
    was predicted now. looked_at: how many recent requests there are. since_ms: when the oldest of the inputs came, None without any."""

    inputs: tuple[Inputs, ...]
    recorded: int
    looked_at: int
    since_ms: int | None


def recent_predictions(predictor: str, folder: Path, most: int = MOST_REQUESTS) -> RecentPredictions:
    """Of the newest requests. predictor: the sha256 that evidence names. Raises NothingPredicts and DatabaseError."""
    if not predictor:
        raise NothingPredicts("No predictor is promoted. Train one, or start from the shipped prior, under Evaluation.")
    window = recorded_window()
    requests = [one for one in window.newest(most) if one.inputs.facts.endpoint == "chat"]
    known = {one.id: one.inputs for one in requests if _is_by(one.inputs, predictor)}
    rest = [one for one in requests if one.id not in known and one.has_body]
    now = _predicted_now(rest, predictor, folder) if rest else {}
    found = [one for one in requests if one.id in known or one.id in now]
    return RecentPredictions(
        tuple(known.get(one.id) or now[one.id] for one in found),
        len(known),
        len(requests),
        min((one.at_ms for one in found), default=None),
    )


def _is_by(inputs: Inputs, predictor: str) -> bool:
    return inputs.predictions is not None and inputs.predictions.predictor == predictor


def _predicted_now(requests: list[RecordedRequest], predictor: str, folder: Path) -> dict[str, Inputs]:
    # Arrays are loaded by whoever asks, not by every process that could.
    from routerapp.learning.artefact import BadArtefact, load
    from routerapp.learning.reading import read_prompt
    from routerapp.learning.vectors import VectorsMissing
    from routerapp.serving.prompt_predictor import counts_of

    chats = whole_chats([one.id for one in requests])
    found = {}
    try:
        speaks = load(cached_artefact(predictor, folder), predictor)
        for one in requests:
            if (chat := chats.get(one.id)) is not None:
                content = read_content(chat)
                # Callers spell it in several ways; inputs have it from one place.
                asked = msgspec.structs.replace(chat, max_tokens=one.inputs.facts.max_tokens)
                said = speaks.predict(read_prompt(content.text, counts_of(asked, content)))
                found[one.id] = msgspec.structs.replace(one.inputs, predictions=said)
    except (NoArtefact, BadArtefact, VectorsMissing, OSError) as error:
        raise NothingPredicts(str(error)) from None
    return found
