"""Making a recorded decision again, from what was recorded and nothing else, and comparing the bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.config import Config, parse_config
from routerapp.engine.decide import PINNED, decide
from routerapp.engine.matching import UnknownObservation
from routerapp.engine.names import STRATEGY_PREFIX, UnknownModel, strategy_policy
from routerapp.engine.policy import Policy
from routerapp.engine.problems import ConfigError, PolicyError
from routerapp.engine.types import ENGINE_VERSION, Decision, Evidence, Inputs, Live
from routerapp.engine.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Replay:
    """outcome: same, differs or not_replayable (then reason says why, and decision is None)."""

    outcome: str
    decision: Decision | None = None
    reason: str = ""


class NotReplayable(Exception):
    """Something the recorded decision rested on is gone."""


def live_slice(decision: Decision, live: Live) -> Live:
    """The live values this decision read: its candidates, its round-robin weights, where its unit was served last."""
    state_of = live.deployments.get
    deployments = {
        candidate.deployment: state
        for candidate in decision.candidates
        if (state := state_of(candidate.deployment)) is not None
    }
    weights: dict[str, Mapping[str, int]] = {}
    if live.round_robin:
        prefix = f"{decision.policy}/{decision.rule}"
        keys = [key for key in live.round_robin if key == prefix or key.startswith(f"{prefix}/")]
        weights = {key: dict(live.round_robin[key]) for key in keys}
    return Live(deployments, weights, live.budget_left_nusd, live.last_served, live.tenant_last_served)


def replay(
    recorded: Decision,
    config: Config | Mapping[str, Any],
    evidence: Evidence,
    inputs: Inputs,
    live: Live,
    now_ms: int,
    draft: Policy | None = None,
) -> Replay:
    """Decides again and compares canonical bytes. config: the recorded revision, parsed or as a document; draft: the policy, if it was one."""
    try:
        parsed = config if isinstance(config, Config) else parse_config(config)
        _check_revisions(recorded, parsed, evidence)
        pinned = pinned_of(recorded)
        policy = draft if draft is not None else policy_of(recorded, parsed)
        decision, _ = decide(policy, parsed, evidence, inputs, live, recorded.seed, now_ms, pinned)
    except UnknownObservation as error:
        return Replay("not_replayable", reason=str(error))
    except (NotReplayable, ConfigError, PolicyError, UnknownModel) as error:
        return Replay("not_replayable", reason=str(error))
    is_same = canonical_bytes(decision) == canonical_bytes(recorded)
    return Replay("same" if is_same else "differs", decision)


def pinned_of(recorded: Decision) -> tuple[str, ...] | None:
    """The deployments the caller had pinned, as the trace holds them."""
    for step in recorded.trace:
        if step.verdict == Verdict.PINNED and step.subject == PINNED:
            return tuple(step.because["deployments"])
    return None


def policy_of(recorded: Decision, config: Config) -> Policy | None:
    """The policy version that decided; None for a pin. Raises NotReplayable where it is not in the configuration."""
    if not recorded.policy:
        return None
    versions = config.policies.get(recorded.policy)
    if versions is not None and recorded.policy_version in versions.versions:
        return versions.versions[recorded.policy_version]
    if recorded.policy_version == 0 and recorded.policy.startswith(STRATEGY_PREFIX):
        return strategy_policy(recorded.policy)
    raise NotReplayable(f"{recorded.policy}@{recorded.policy_version} is not in this configuration revision.")


def _check_revisions(recorded: Decision, config: Config, evidence: Evidence) -> None:
    if recorded.engine != ENGINE_VERSION:
        raise NotReplayable(f"Decided by engine {recorded.engine}; this is engine {ENGINE_VERSION}.")
    if recorded.config != config.revision:
        raise NotReplayable("The configuration revision is another one.")
    if recorded.evidence != evidence.revision:
        raise NotReplayable("The evidence revision is another one.")
