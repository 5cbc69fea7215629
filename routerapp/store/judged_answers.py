"""The answers that judgements are about: which model, for which task, to whom, when. And how one judgement becomes a piece of evidence."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec

from routerapp.learning.evidence import Piece
from routerapp.models import DecisionInputs, Origin, RoutedRequest, Status

BATCH = 500
DAYS = 180


class _Facts(msgspec.Struct, frozen=True):
    prompt_unit: str | None = None


class _Inputs(msgspec.Struct, frozen=True):
    facts: _Facts = _Facts()


class _Recorded(msgspec.Struct, frozen=True):
    inputs: _Inputs = _Inputs()


_DECODER = msgspec.json.Decoder(_Recorded)


@dataclass(frozen=True, slots=True)
class Answer:
    """user: the end user's keyed hash, empty where the request named none."""

    model: str
    task: str
    user: str
    at_ms: int

    def piece(
        self,
        value: float,
        source: str,
        at_ms: int,
        dimensions: Mapping[str, str],
        *,
        voter: str = "",
        count: float = 1.0,
    ) -> Piece:
        """dimensions: task -> dimension of the catalogue. at_ms: when the judgement came."""
        return Piece(
            model=self.model,
            value=min(1.0, max(0.0, value)),
            source=source,
            at_ms=at_ms,
            dimension=dimensions.get(self.task, ""),
            task=self.task,
            lag_ms=max(0, at_ms - self.at_ms),
            voter=voter,
            count=count,
        )


def answers_of(request_ids: Sequence[str], origins: Sequence[str] = (Origin.LIVE,)) -> dict[str, Answer]:
    """Of requests that were answered; live ones unless told otherwise."""
    found = {}
    for some in batches(request_ids):
        rows = RoutedRequest.objects.filter(id__in=some, origin__in=origins, status=Status.OK).exclude(
            language_model=""
        )
        for request_id, model, task, user, at_ms in rows.values_list(
            "id", "language_model", "task", "user_hash", "at_ms"
        ):
            found[request_id] = Answer(model, task or "unknown", user, at_ms)
    return found


def questions_of(request_ids: Sequence[str]) -> dict[str, str]:
    """Keyed hash of the last message each was asked, where inputs are still kept."""
    found = {}
    for some in batches(request_ids):
        rows = DecisionInputs.objects.filter(request_id__in=some).values_list("request_id", "document")
        for request_id, document in rows:
            if unit := _DECODER.decode(zlib.decompress(document)).inputs.facts.prompt_unit:
                found[request_id] = unit
    return found


def batches(request_ids: Sequence[str]) -> Iterator[list[str]]:
    """As many at a time as a statement may name."""
    rest = iter(request_ids)
    while some := list(islice(rest, BATCH)):
        yield some
