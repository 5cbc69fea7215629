"""The playground's question: what would this chat get, from a live policy, a draft, an old version or a pinned model? Nothing is sent.

The same reading and the same decide as live traffic; besides, every rule is judged, also those behind the one that won.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.conditions import evaluate
from routerapp.engine.content import read_content
from routerapp.engine.names import Resolution
from routerapp.engine.observe import Observer
from routerapp.engine.policy import Policy, Rule
from routerapp.engine.situation import Situation
from routerapp.engine.types import CallerFacts, Decision, Inputs, RequestFacts
from routerapp.engine.verdicts import Verdict
from routerapp.models import Draft, PolicyVersion
from routerapp.serving.policy_checks import parsed
from routerapp.serving.refusals import Missing, invalid
from routerapp.serving.route_chat import SEED_BITS, read_chat, resolve
from routerapp.serving.runtime import Runtime

ANYBODY = CallerFacts(slug="playground")
MOST_DIGITS = 100


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule by itself: would it match, whatever the rules before it say."""

    rule: str
    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Simulation:
    """rules is empty when a model was pinned. policy_version 0 in the decision is a draft. situation: all that was decided on."""

    decision: Decision
    inputs: Inputs
    rules: tuple[RuleVerdict, ...]
    at_ms: int
    situation: Situation


def simulate(
    runtime: Runtime, chat: Chat, *, on: str = "", caller: CallerFacts = ANYBODY, seed: int | None = None
) -> Simulation:
    """on: draft:<id>, version:<slug>@<number>, or empty for the chat's own model name (auto, policy/<slug>, alias, model …).

    Raises Missing for a draft or version that is not there, Refused for a name that means nothing. Effects are dropped.
    """
    snapshot, now_ms = runtime.snapshot, runtime.clock.now_ms()
    resolution = resolve(snapshot, chat, caller) if not on else Resolution(policy=_unpublished(on), pinned=None)
    inputs = read_chat(runtime, snapshot, chat, caller, resolution.policy)
    if resolution.policy is not None:
        inputs = _with_observations(inputs, chat, resolution.policy)
    live = runtime.live.view(
        now_ms,
        budget_left_nusd=runtime.limits.spend_left(snapshot.config.subjects_of(caller, inputs.facts.user), now_ms),
    )
    situation = Situation(
        resolution.policy,
        snapshot.config,
        snapshot.evidence,
        inputs,
        live,
        runtime.random_bits(SEED_BITS) if seed is None else seed,
        now_ms,
        resolution.pinned,
    )
    rules = rule_verdicts(resolution.policy, inputs, now_ms)
    return Simulation(situation.decide(), inputs, rules, now_ms, situation)


def rule_verdicts(policy: Policy | None, inputs: Inputs, now_ms: int) -> tuple[RuleVerdict, ...]:
    """Every rule of the policy judged alone, in order."""
    if policy is None:
        return ()
    found = []
    for rule in policy.rules:
        found.append(RuleVerdict(rule.id, rule.name, _verdict(policy, rule, inputs, now_ms)))
    return tuple(found)


def _verdict(policy: Policy, rule: Rule, inputs: Inputs, now_ms: int) -> Verdict:
    if not rule.is_enabled:
        return Verdict.RULE_DISABLED
    truth = True if rule.when is None else evaluate(rule.when, inputs, now_ms, policy.timezone)
    if truth is None:
        return Verdict.RULE_UNKNOWN
    return Verdict.RULE_MATCHED if truth else Verdict.RULE_NOT_MATCHED


def _unpublished(on: str) -> Policy:
    """The policy of a draft or of any version, also one too old for the snapshot."""
    kind, _, name = on.partition(":")
    if kind == "draft" and _is_number(name):
        draft = Draft.objects.filter(pk=int(name)).first()
        if draft is None:
            raise Missing("draft", name)
        return parsed(draft.document)
    slug, _, number = name.rpartition("@")
    if kind == "version" and _is_number(number):
        version = PolicyVersion.objects.filter(policy__slug=slug, number=int(number)).first()
        if version is None:
            raise Missing("version", name)
        return parsed(version.document, version.number)
    raise invalid("on", "unknown_subject", "Simulate on draft:<id> or version:<policy>@<number>, or leave it empty.")


def _is_number(text: str) -> bool:
    """One that can be read: Python refuses to read thousands of digits."""
    return text.isdecimal() and len(text) <= MOST_DIGITS


def _with_observations(inputs: Inputs, chat: Chat, policy: Policy) -> Inputs:
    """Content leaves the snapshot does not watch are observed here, so that no leaf of this policy is unknown."""
    missing = [leaf for leaf in policy.leaves if leaf.leaf_id not in inputs.observations]
    if not missing:
        return inputs
    seen = RequestFacts(metadata=chat.extras.metadata, headers=chat.headers)
    more = Observer(missing).observe(read_content(chat), seen)
    return msgspec.structs.replace(inputs, observations={**inputs.observations, **more})
