"""Versions of predictors as rows: an artefact is stored once, found by its sha256, and handed out only when its bytes still give it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db.models import Max, QuerySet

from routerapp.models import BenchmarkData, BenchmarkState, PredictorState, PredictorVersion, User

MOST_ARTEFACT_BYTES = 64 * 1024 * 1024


class BadArtefact(ValueError):
    """The bytes cannot be kept, or are not what their address says."""


def artefact_bytes(sha256: str) -> bytes | None:
    """The artefact of this address, None where it is not kept. Raises BadArtefact when the stored bytes were changed."""
    found = PredictorVersion.objects.filter(sha256=sha256).values_list("artefact", flat=True).first()
    if found is None:
        return None
    content = bytes(found)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadArtefact(f"The artefact {sha256[:12]} does not have its hash any more.")
    return content


def keep_predictor(
    name: str, artefact: bytes, card: Mapping[str, Any], created_by: User | None
) -> tuple[PredictorVersion, bool]:
    """The next version of this name; or the one that has these very bytes, and False. Raises BadArtefact for too many bytes."""
    if not 0 < len(artefact) <= MOST_ARTEFACT_BYTES:
        raise BadArtefact(f"An artefact has 1 to {MOST_ARTEFACT_BYTES:,} bytes, not {len(artefact):,}.")
    sha256 = hashlib.sha256(artefact).hexdigest()
    same = without_artefacts().filter(sha256=sha256).first()
    if same is not None:
        return same, False
    newest = PredictorVersion.objects.filter(name=name).aggregate(newest=Max("version"))["newest"] or 0
    row = PredictorVersion.objects.create(
        name=name, version=newest + 1, sha256=sha256, artefact=artefact, card=dict(card), created_by=created_by
    )
    return row, True


def without_artefacts() -> QuerySet[PredictorVersion]:
    """For lists and pages: the megabytes stay in the database."""
    return PredictorVersion.objects.defer("artefact").select_related("created_by")


def live_predictor() -> PredictorVersion | None:
    return without_artefacts().filter(state=PredictorState.LIVE).first()


def trained_benchmarks(card: Mapping[str, Any]) -> list[str]:
    """Slugs of the benchmarks a predictor was trained on that are still here."""
    slugs = [one["slug"] for one in card.get("benchmarks", [])]
    ready = BenchmarkData.objects.filter(slug__in=slugs, state=BenchmarkState.READY, content__isnull=False)
    return sorted(ready.values_list("slug", flat=True))
