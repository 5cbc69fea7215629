"""Decides a recorded request again from its rows and compares bytes. What is gone is said, never guessed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.decide import UnknownObservation
from routerapp.engine.names import UnknownModel
from routerapp.engine.problems import ConfigError, PolicyError
from routerapp.engine.replay import NotReplayable as VersionGone
from routerapp.engine.replay import pinned_of, policy_of
from routerapp.engine.situation import Situation
from routerapp.engine.types import (
    ENGINE_VERSION,
    Decision,
    Features,
    Inputs,
    LastServed,
    Live,
    LiveDeployment,
    ModelPrediction,
    Predictions,
    RequestFacts,
)
from routerapp.models import DecisionInputs, DecisionTrace
from routerapp.store.revisions import RevisionGone, load_config, load_evidence


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """same: the decision made now is byte for byte the one recorded."""

    same: bool
    recorded: bytes
    replayed: bytes


@dataclass(frozen=True, slots=True)
class NotReplayable:
    """code is stable: gone, other_engine, revision_gone, version_gone, content_not_kept, unreadable or differs. reason is for people."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything one recorded decision rested on, and its bytes."""

    situation: Situation
    document: bytes


def replay_request(request_id: str) -> ReplayResult | NotReplayable:
    """One recorded request through this engine, with the configuration, evidence, live values and seed of its time."""
    recorded = load_recorded(request_id)
    if isinstance(recorded, NotReplayable):
        return recorded
    try:
        replayed = canonical_bytes(recorded.situation.decide())
    except UnknownObservation as unknown:
        return NotReplayable("content_not_kept", str(unknown))
    except PolicyError as error:
        return _unreadable(error)
    return ReplayResult(replayed == recorded.document, recorded.document, replayed)


def load_recorded(request_id: str) -> Recorded | NotReplayable:
    """What is needed to decide a recorded request again, or why there is no deciding it."""
    row = DecisionInputs.objects.filter(request_id=request_id).first()
    trace = DecisionTrace.objects.filter(request_id=request_id).values_list("document", flat=True).first()
    if row is None or trace is None:
        return NotReplayable("gone", "Inputs or decision of this request are no longer kept, or it was never decided.")
    if row.engine_version != ENGINE_VERSION:
        reason = f"Decided by engine {row.engine_version}; this is engine {ENGINE_VERSION}."
        return NotReplayable("other_engine", reason)
    recorded = zlib.decompress(trace)
    try:
        return Recorded(_situation(row, recorded), recorded)
    except RevisionGone as gone:
        return NotReplayable("revision_gone", f"The revision {gone} is no longer kept.")
    except VersionGone as gone:
        return NotReplayable("version_gone", f"{gone} A draft is not kept once it has changed.")
    except (ConfigError, PolicyError, UnknownModel) as error:
        return _unreadable(error)


def _unreadable(error: Exception) -> NotReplayable:
    return NotReplayable("unreadable", f"This engine cannot read the recorded configuration: {error}")


def _situation(row: DecisionInputs, recorded: bytes) -> Situation:
    config, evidence = load_config(row.config_revision), load_evidence(row.evidence_revision)
    document = msgspec.json.decode(zlib.decompress(row.document))
    # Read twice: with types for what the engine asks of it; its bytes, untouched, are what is compared.
    decision = msgspec.json.decode(recorded, type=Decision)
    return Situation(
        policy_of(decision, config),
        config,
        evidence,
        exact_inputs(document["inputs"]),
        exact_live(document["live"]),
        decision.seed,
        row.at_ms,
        pinned_of(decision),
    )


def exact_inputs(document: Mapping[str, Any]) -> Inputs:
    """As recorded: a whole number stays one where the type says float, or the replayed bytes would differ."""
    features: dict[str, Any] = {**document["features"]}
    features |= {name: tuple(features[name]) for name in ("pii", "task_reasons")}
    facts: dict[str, Any] = {**document["facts"], "tags": tuple(document["facts"]["tags"])}
    return Inputs(
        features=Features(**features),
        facts=RequestFacts(**facts),
        observations=document["observations"],
        request_constraints=document["request_constraints"],
        only=tuple(document["only"]),
        fallbacks=tuple(document["fallbacks"]),
        objective=document.get("objective", {}),
        predictions=_exact_predictions(document.get("predictions")),
    )


def _exact_predictions(document: Mapping[str, Any] | None) -> Predictions | None:
    if document is None:
        return None
    models = {slug: ModelPrediction(**values) for slug, values in document["models"].items()}
    return Predictions(**{**document, "models": models})


def exact_live(document: Mapping[str, Any]) -> Live:
    deployments = {slug: LiveDeployment(**values) for slug, values in document["deployments"].items()}
    lasts = (document.get(name) for name in ("last_served", "tenant_last_served"))
    served = (None if last is None else LastServed(**last) for last in lasts)
    return Live(deployments, document["round_robin"], document["budget_left_nusd"], *served)
