"""From a chat to a decision: the one way in for live traffic, the route-only API and the playground. Nothing is sent and nothing recorded.

Runs without an await between reading the live state and applying the decision's effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.chat import Chat
from routerapp.engine.content import Content, read_content
from routerapp.engine.critical import CRITICAL
from routerapp.engine.decide import decide
from routerapp.engine.features import extract_features, longest_input
from routerapp.engine.money import price_at
from routerapp.engine.names import Resolution, UnknownModel, resolve_name
from routerapp.engine.policy import Policy
from routerapp.engine.replay import live_slice
from routerapp.engine.types import CallerFacts, Decision, Effect, Features, Inputs, Live, Price, RequestFacts
from routerapp.serving.runtime import METADATA_STORED, Runtime
from routerapp.serving.served import Refused
from routerapp.serving.units import find_units
from routerapp.store.snapshot import Snapshot

SEED_BITS = 64
OUTCOME_ROUTED = "routed"


@dataclass(slots=True)
class Prepared:
    """A decision with everything needed to record, replay and execute it. effects are not applied yet."""

    snapshot: Snapshot
    resolution: Resolution
    decision: Decision
    effects: tuple[Effect, ...]
    inputs: Inputs
    live: Live
    now_ms: int

    @property
    def is_routed(self) -> bool:
        return self.decision.outcome == OUTCOME_ROUTED

    def baseline(self) -> tuple[str, Price] | None:
        """The dearest eligible priced candidate: what this request would have cost without a router."""
        priced = [
            (one.estimate.cost_nusd, one.deployment)
            for one in self.decision.candidates
            if one.eligible and one.estimate.cost_nusd is not None
        ]
        if not priced:
            return None
        slug = max(priced)[1]
        price = price_at(self.snapshot.config.deployments[slug].prices, self.now_ms)
        return None if price is None else (slug, price)


def prepare(runtime: Runtime, chat: Chat, caller: CallerFacts) -> Prepared:
    """Decides; raises Refused when the name or the extras cannot be used. The caller applies the effects before its next await."""
    snapshot = runtime.snapshot
    now_ms = runtime.clock.now_ms()
    resolution = resolve(snapshot, chat, caller)
    inputs = read_chat(runtime, snapshot, chat, caller, resolution.policy)
    live = runtime.live.view(
        now_ms,
        budget_left_nusd=runtime.limits.spend_left(snapshot.config.subjects_of(caller, inputs.facts.user), now_ms),
        unit=inputs.facts.unit,
        tenant_unit=inputs.facts.tenant_unit,
    )
    seed = runtime.random_bits(SEED_BITS)
    decision, effects = decide(
        resolution.policy, snapshot.config, snapshot.evidence, inputs, live, seed, now_ms, resolution.pinned
    )
    return Prepared(snapshot, resolution, decision, effects, inputs, live_slice(decision, live), now_ms)


def resolve(snapshot: Snapshot, chat: Chat, caller: CallerFacts) -> Resolution:
    """Which policy or pinned deployments the requested name means to this caller."""
    try:
        return resolve_name(chat.requested_model, snapshot.config, caller, chat.extras)
    except UnknownModel as error:
        raise Refused(404, "model_not_found", str(error), param="model") from None


def read_chat(
    runtime: Runtime, snapshot: Snapshot, chat: Chat, caller: CallerFacts, policy: Policy | None = None
) -> Inputs:
    """Features, facts and observations of one chat, and what is predicted of it if the policy asks: all that a decision may know."""
    content = read_content(chat)
    features = extract_features(chat, content, runtime.classifier)
    features, reading = runtime.predicting.judged(features, chat, content, runtime.classifier)
    facts = _facts(snapshot.settings, chat, content, caller, features)
    seen = RequestFacts(metadata=chat.extras.metadata, headers=chat.headers)
    return Inputs(
        features=features,
        facts=facts,
        observations=snapshot.observer.observe(content, seen),
        request_constraints=chat.extras.constraints,
        only=chat.extras.models,
        fallbacks=chat.extras.fallbacks,
        objective=chat.extras.objective,
        predictions=runtime.predicting.of(policy, chat, content, reading),
    )


def _facts(
    settings: Mapping[str, Any], chat: Chat, content: Content, caller: CallerFacts, features: Features
) -> RequestFacts:
    units = find_units(chat, content, caller)
    extras = chat.extras
    return RequestFacts(
        model=chat.requested_model,
        user=units.user,
        key=caller.slug,
        team=caller.team or None,
        tags=extras.tags,
        metadata=_kept_metadata(extras.metadata, settings),
        headers=_kept(chat.headers, settings.get("header_allow", ())),
        stream=chat.is_streaming,
        max_tokens=chat.max_tokens,
        needs_json_schema=chat.response_format == "json_schema",
        unit=units.unit,
        unit_kind=units.kind,
        tenant_unit=units.tenant,
        prompt_unit=units.prompt,
        endpoint=chat.endpoint,
        longest_input_tokens=longest_input(chat) if chat.endpoint == "embeddings" else None,
    )


def _kept_metadata(values: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, str]:
    """Whether a prompt is critical is always kept: without it a decision could not be made again."""
    kept = _kept(values, settings.get("metadata_allow", METADATA_STORED))
    if values and CRITICAL in values:
        kept[CRITICAL] = values[CRITICAL]
    return kept


def _kept(values: Mapping[str, str], allowed: Any) -> dict[str, str]:
    """What may be stored; the rest is seen by rules through observations only."""
    return {name: values[name] for name in allowed if name in values} if values else {}
