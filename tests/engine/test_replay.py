from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from routerapp.engine.names import strategy_policy
from routerapp.engine.replay import live_slice, replay
from routerapp.engine.types import Decision, Evidence, Inputs, LastServed, Live
from tests.engine.situations import NOW_MS, ask, config_of, deployment, inputs_of, live_of

RULE = {"id": "r", "when": {"field": "text", "op": "contains", "value": "x"}, "use": {"reject": "no"}}
POLICY = {
    "schema": 1,
    "policy": "p",
    "rules": [RULE],
    "default": {"pool": ["model:m"], "strategy": {"kind": "round_robin"}},
}
CONFIG = config_of(
    {"a": deployment(), "b": deployment(), "aside": deployment("other")},
    {"m": {"name": "m", "context_window": 1_000}, "other": {"name": "o", "context_window": 1_000}},
    policies={"p": {"live": 3, "versions": {"3": POLICY}}},
)
LIVE = replace(
    live_of(a={"ttft_ewma_ms": 5.0}, aside={"in_flight": 3}),
    round_robin={"p/default": {"a": 1, "b": -1}, "p/r": {"a": 1}, "other/default": {"b": 2}},
    budget_left_nusd=10**9,
)
OBSERVED = replace(inputs_of(), observations={leaf.leaf_id: False for leaf in CONFIG.live_policy("p").leaves})
RECORDED = ask(CONFIG.live_policy("p"), CONFIG, OBSERVED, LIVE, seed=9)


def again(recorded=RECORDED, inputs=OBSERVED, live=None, config=CONFIG, evidence=None, **rest):
    return replay(recorded, config, evidence or Evidence(), inputs, live or live_slice(recorded, LIVE), NOW_MS, **rest)


def test_the_slice_holds_what_was_read_and_nothing_else():
    assert live_slice(RECORDED, LIVE) == Live({"a": LIVE.deployments["a"]}, {"p/default": {"a": 1, "b": -1}}, 10**9)


def test_the_slice_holds_the_weights_of_arms_and_inner_rules():
    live = Live(round_robin={"p/default/arm": {"a": 1}, "p/defaulted": {"a": 1}})

    assert live_slice(RECORDED, live).round_robin == {"p/default/arm": {"a": 1}}


def test_a_recorded_decision_comes_out_the_same_from_its_slice_and_documents():
    recorded = msgspec.json.decode(msgspec.json.encode(RECORDED), type=Decision)
    live = msgspec.json.decode(msgspec.json.encode(live_slice(RECORDED, LIVE)), type=Live)

    assert again(recorded, live=live, config=CONFIG.document).outcome == "same"


FIRST_FORMAT = Path(__file__).parents[1] / "data" / "first_format_decisions.jsonl"


@pytest.mark.parametrize("line", FIRST_FORMAT.read_text().splitlines(), ids=lambda line: json.loads(line)["case"])
def test_what_the_first_format_recorded_still_comes_out_the_same(line):
    recorded = json.loads(line)
    decision = msgspec.convert(recorded["decision"], Decision)
    inputs, live = msgspec.convert(recorded["inputs"], Inputs), msgspec.convert(recorded["live"], Live)

    found = replay(decision, recorded["config"], Evidence(), inputs, live, recorded["now_ms"])

    assert "handling" not in recorded["decision"]
    assert (found.outcome, found.reason) == ("same", "")


def test_a_kept_unit_replays_from_where_it_was_served_last():
    policy = {**POLICY, "rules": [], "default": {**POLICY["default"], "sticky": {}}}
    config = config_of(
        CONFIG.document["deployments"],
        CONFIG.document["models"],
        policies={"p": {"live": 1, "versions": {"1": policy}}},
    )
    live = replace(LIVE, last_served=LastServed("b", 900, NOW_MS - 1_000))
    inputs = inputs_of(facts={"unit": "u"})
    recorded = ask(config.live_policy("p"), config, inputs, live)
    kept = msgspec.json.decode(msgspec.json.encode(live_slice(recorded, live)), type=Live)

    assert recorded.plan[0].deployment == "b"
    assert replay(recorded, config, Evidence(), inputs, kept, NOW_MS).outcome == "same"
    gone = replace(kept, last_served=None)
    assert replay(recorded, config, Evidence(), inputs, gone, NOW_MS).outcome == "differs"


def test_another_live_value_differs():
    found = again(live=replace(live_slice(RECORDED, LIVE), round_robin={"p/default": {"a": -9, "b": 9}}))

    assert found.outcome == "differs"
    assert found.decision.plan[0].deployment == "b"


def test_pins_and_strategy_names_replay_too():
    pinned = ask(None, CONFIG, OBSERVED, LIVE, pinned=("a", "b"))
    named = ask(strategy_policy("router-balanced-0.3"), CONFIG, OBSERVED, LIVE)

    assert again(pinned).outcome == again(named).outcome == "same"


def test_a_draft_replays_when_it_is_given():
    draft = strategy_policy("router-cheapest-0")
    recorded = replace(ask(draft, CONFIG, OBSERVED, LIVE), policy="gone")

    assert again(recorded).outcome == "not_replayable"
    assert again(ask(draft, CONFIG, OBSERVED, LIVE), draft=draft).outcome == "same"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recorded": replace(RECORDED, engine="0")}, "engine 0"),
        ({"recorded": replace(RECORDED, config="gone")}, "configuration revision"),
        ({"evidence": Evidence("newer")}, "evidence revision"),
        ({"inputs": inputs_of()}, "not kept"),
        ({"recorded": replace(RECORDED, policy_version=7)}, "p@7"),
        ({"config": {"schema": 9}}, "schema"),
    ],
)
def test_what_is_gone_is_named_and_never_guessed(changes, words):
    found = again(**{"live": live_slice(RECORDED, LIVE), **changes})

    assert (found.outcome, found.decision) == ("not_replayable", None)
    assert words in found.reason
