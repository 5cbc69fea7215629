"""Everything one decision rests on, as one value, and copies of it with one thing changed. Nothing here is ever changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from msgspec.structs import replace as replaced

from routerapp.engine.config import Config, Memo, PolicyVersions
from routerapp.engine.constraints import parse_constraints
from routerapp.engine.decide import decide
from routerapp.engine.policy import Policy
from routerapp.engine.types import Decision, Evidence, Inputs, Live, LiveDeployment


@dataclass(frozen=True, slots=True)
class Situation:
    """The arguments of decide(), in its order. The same situation gives the same decision."""

    policy: Policy | None
    config: Config
    evidence: Evidence
    inputs: Inputs
    live: Live
    seed: int
    now_ms: int
    pinned: tuple[str, ...] | None = None

    def decide(self) -> Decision:
        """Raises UnknownObservation where a rule asks about content that was not kept."""
        decision, _ = decide(
            self.policy,
            self.config,
            self.evidence,
            self.inputs,
            self.live,
            self.seed,
            self.now_ms,
            self.pinned,
        )
        return decision

    def set_apart(self) -> Situation:
        """The same with memos of its own and live values that stand still: trying things out leaves no trace in what serves."""
        live = replaced(
            self.live,
            deployments={slug: self.live.deployments[slug] for slug in self.live.deployments},
            round_robin={key: dict(self.live.round_robin[key]) for key in self.live.round_robin},
        )
        return replace(self, config=replace(self.config, memo=Memo()), live=live)

    def state_of(self, slug: str) -> LiveDeployment:
        return self.live.deployments.get(slug) or LiveDeployment()

    def with_deployment(self, slug: str, **facts: Any) -> Situation:
        changed = replace(self.config.deployments[slug], **facts)
        deployments = {**self.config.deployments, slug: changed}
        return replace(self, config=replace(self.config, deployments=deployments, memo=Memo()))

    def with_model(self, slug: str, **facts: Any) -> Situation:
        models = {**self.config.models, slug: replace(self.config.models[slug], **facts)}
        return replace(self, config=replace(self.config, models=models, memo=Memo()))

    def with_state(self, slug: str, **values: Any) -> Situation:
        """Other live values of one deployment."""
        deployments = {**self.live.deployments, slug: replaced(self.state_of(slug), **values)}
        return self.with_live(deployments=deployments)

    def with_live(self, **values: Any) -> Situation:
        return replace(self, live=replaced(self.live, **values))

    def with_inputs(self, **values: Any) -> Situation:
        return replace(self, inputs=replaced(self.inputs, **values))

    def with_features(self, **values: Any) -> Situation:
        return self.with_inputs(features=replaced(self.inputs.features, **values))

    def with_facts(self, **values: Any) -> Situation:
        return self.with_inputs(facts=replaced(self.inputs.facts, **values))

    def with_key_constraints(self, slug: str, document: Mapping[str, Any]) -> Situation:
        """Raises PolicyError."""
        constraints = {**self.config.caller_constraints, slug: parse_constraints(document)}
        return replace(self, config=replace(self.config, caller_constraints=constraints, memo=Memo()))

    def with_policy(self, inner: str | None, policy: Policy) -> Situation:
        """Another policy; inner names one that the asked policy leads to, None is the asked one itself."""
        if inner is None:
            return replace(self, policy=policy)
        versions = PolicyVersions(inner, policy.version, {policy.version: policy})
        return replace(self, config=replace(self.config, policies={**self.config.policies, inner: versions}))
