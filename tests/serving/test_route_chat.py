"""From a chat to a decision: units, what may be stored, observations, extras that narrow, and replay to the byte."""

from __future__ import annotations

import pytest

from routerapp.engine.replay import replay
from routerapp.serving.route_chat import prepare
from routerapp.serving.served import Refused
from routerapp.store.records import Begin, decode_record, encode_record
from tests.runtimes import CALLER, a_chat, a_deployment, a_policy, a_runtime, a_snapshot


def facts(runtime, chat):
    return prepare(runtime, chat, CALLER).inputs.facts


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"router": {"sticky_key": "s"}, "metadata": {"session_id": "m"}, "user": "u"}, "sticky_key"),
        ({"metadata": {"session_id": "m"}, "user": "u"}, "session"),
        ({"user": "u"}, "user"),
        ({}, "fingerprint"),
        ({"messages": [{"role": "system", "content": "no user"}]}, "per_request"),
    ],
)
def test_takes_the_unit_in_the_order_of_the_contract(tmp_path, members, kind):
    found = facts(a_runtime(tmp_path), a_chat(**members))

    assert found.unit_kind == kind
    assert (found.unit is None) == (kind == "per_request")
    assert found.unit is None or len(found.unit) == 64


def test_the_fingerprint_stays_over_the_turns_of_a_conversation(tmp_path):
    runtime = a_runtime(tmp_path)
    first = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    later = [*first, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And now?"}]
    other = [first[0], {"role": "user", "content": "Something else"}]

    units = [facts(runtime, a_chat(messages=messages)).unit for messages in (first, later, other)]

    assert units[0] == units[1] != units[2]


def test_metadata_and_headers_that_are_not_stored_are_observed(tmp_path):
    when = {"field": "metadata.ticket", "op": "eq", "value": "T-1"}
    rules = [
        {
            "id": "r1",
            "name": "ticket",
            "when": when,
            "use": {"pool": ["deployment:dear"], "strategy": {"kind": "ordered"}},
        }
    ]
    runtime = a_runtime(tmp_path, a_snapshot(policies=[a_policy(rules=rules)]))

    prepared = prepare(runtime, a_chat(metadata={"ticket": "T-1", "team": "legal"}), CALLER)

    assert prepared.decision.plan[0].deployment == "dear"
    assert prepared.inputs.facts.metadata == {"team": "legal"}
    assert list(prepared.inputs.observations.values()) == [True]


def test_extras_only_narrow(tmp_path):
    deployments = [a_deployment("cheap"), a_deployment("dear", dollars=10), a_deployment("local", dollars=20)]
    rules = [
        {
            "id": "r1",
            "name": "all",
            "when": {"field": "turns", "op": "gte", "value": 1},
            "use": {"pool": ["deployment:cheap", "deployment:dear"], "strategy": {"kind": "cheapest"}},
        }
    ]
    runtime = a_runtime(tmp_path, a_snapshot(deployments=deployments, policies=[a_policy(rules=rules)]))

    def planned(**members):
        return [step.deployment for step in prepare(runtime, a_chat(**members), CALLER).decision.plan]

    assert planned() == ["cheap", "dear"]
    assert planned(provider={"ignore": ["cheap-provider"]}) == ["dear"]
    assert planned(provider={"only": ["dear-provider"]}) == ["dear"]
    assert planned(provider={"max_price": {"prompt": 5}}) == ["cheap"]
    assert planned(models=["dear"]) == ["dear"]
    assert planned(models=["local"]) == []
    assert planned(router={"constraints": {"deployments": ["local"]}}) == []


def test_the_objective_reweighs_a_balanced_rule(tmp_path):
    models = {"cheap": {"scores": {"accuracy": 0.3}}, "dear": {"scores": {"accuracy": 0.9}}}
    policy = a_policy(strategy={"kind": "balanced", "weights": {"quality": 1, "cost": 1}})
    runtime = a_runtime(tmp_path, a_snapshot(models=models, policies=[policy]))

    def first(objective):
        return prepare(runtime, a_chat(router={"objective": objective}), CALLER).decision.plan[0].deployment

    assert first({"quality": 1}) == "dear"
    assert first({"cost": 1}) == "cheap"


def test_a_binding_constraint_of_the_key_holds_for_pins(tmp_path):
    snapshot = a_snapshot(callers={"app": {"constraints": {"providers": ["cheap-provider"]}}})
    runtime = a_runtime(tmp_path, snapshot)

    prepared = prepare(runtime, a_chat(model="dear-provider/dear"), snapshot.config.callers["app"])

    assert prepared.decision.outcome == "no_candidate"


def test_an_unknown_name_says_what_is_near(tmp_path):
    with pytest.raises(Refused, match="Did you mean 'support'"):
        prepare(a_runtime(tmp_path), a_chat(model="policy/suport"), CALLER)


@pytest.mark.parametrize("kind", ["round_robin", "weighted", "balanced", "fastest", "consistent_hash"])
def test_what_is_recorded_replays_to_the_byte(tmp_path, kind):
    policy = a_policy(strategy={"kind": kind})
    runtime = a_runtime(tmp_path, a_snapshot(policies=[policy]))

    for number in range(20):
        prepared = prepare(runtime, a_chat(f"Prompt {number}", model="auto"), CALLER)
        begin = Begin(
            id="x",
            at_ms=prepared.now_ms,
            origin="live",
            decision=prepared.decision,
            inputs=prepared.inputs,
            live=prepared.live,
        )
        read = decode_record(encode_record(begin))
        runtime.live.apply(prepared.effects)
        runtime.clock.advance(1)
        found = replay(
            read.decision, prepared.snapshot.config, prepared.snapshot.evidence, read.inputs, read.live, read.at_ms
        )
        assert found.outcome == "same", found.reason
