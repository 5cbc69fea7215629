from pathlib import Path
from typing import Any

import pytest

from routerapp.serving.refusals import Invalid, Missing
from routerapp.serving.route_chat import prepare
from routerapp.serving.served import Refused
from routerapp.serving.simulate import simulate
from tests import factories
from tests.runtimes import CALLER, a_chat, a_deployment, a_policy, a_runtime, a_snapshot, journal_of

RULES = [
    {"id": "off", "name": "off", "enabled": False, "use": {"pool": ["all"]}},
    {
        "id": "long",
        "name": "long",
        "when": {"field": "prompt_tokens", "op": "gt", "value": 5_000},
        "use": {"pool": ["deployment:dear"]},
    },
    {
        "id": "magic",
        "name": "magic word",
        "when": {"field": "text", "op": "matches", "value": "(?i)abracadabra"},
        "use": {"pool": ["deployment:dear"]},
    },
    {"id": "any", "name": "anything else", "use": {"pool": ["deployment:cheap"]}},
]


def verdicts(simulation: Any) -> dict[str, str]:
    return {one.rule: one.verdict for one in simulation.rules}


def test_it_decides_as_live_traffic_would_and_leaves_no_trace(tmp_path: Path) -> None:
    snapshot = a_snapshot(policies=[a_policy(rules=RULES)])
    runtime = a_runtime(tmp_path, snapshot)
    chat = a_chat("Abracadabra!")

    simulation = simulate(runtime, chat, caller=CALLER, seed=7)
    live = a_runtime(tmp_path / "live", snapshot)
    live.random_bits = lambda bits: 7

    assert simulation.decision == prepare(live, chat, CALLER).decision
    assert simulation.decision.plan[0].deployment == "dear"
    assert journal_of(runtime) == []
    assert runtime.live.view(runtime.clock.now_ms()).deployments == {}


def test_every_rule_is_judged_also_behind_the_winner(tmp_path: Path) -> None:
    runtime = a_runtime(tmp_path, a_snapshot(policies=[a_policy(rules=RULES)]))

    simulation = simulate(runtime, a_chat("abracadabra"))

    assert simulation.decision.rule == "magic"
    assert verdicts(simulation) == {
        "off": "rule_disabled",
        "long": "rule_not_matched",
        "magic": "rule_matched",
        "any": "rule_matched",
    }


def test_a_pinned_model_has_no_rules(tmp_path: Path) -> None:
    simulation = simulate(a_runtime(tmp_path), a_chat(model="dear"))

    assert simulation.rules == ()
    assert simulation.decision.plan[0].deployment == "dear"


def test_a_name_that_means_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        simulate(a_runtime(tmp_path), a_chat(model="policy/gone"))


@pytest.mark.django_db
def test_a_draft_is_tried_with_leaves_the_snapshot_does_not_watch(tmp_path: Path) -> None:
    runtime = a_runtime(tmp_path)
    draft = factories.a_draft(factories.a_policy(slug="support"), a_policy(rules=RULES))

    magic = simulate(runtime, a_chat("abracadabra"), on=f"draft:{draft.pk}")
    plain = simulate(runtime, a_chat("good morning"), on=f"draft:{draft.pk}")

    assert (magic.decision.rule, magic.decision.policy_version) == ("magic", 0)
    assert (plain.decision.rule, plain.decision.plan[0].deployment) == ("any", "cheap")


@pytest.mark.django_db
def test_an_old_version_is_tried_as_it_was(tmp_path: Path) -> None:
    policy = factories.a_policy(a_policy(rules=RULES), slug="support")
    factories.a_version(policy, a_policy())

    simulation = simulate(a_runtime(tmp_path), a_chat("abracadabra"), on="version:support@1")

    assert (simulation.decision.rule, simulation.decision.policy_version) == ("magic", 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("on", "error"),
    [
        ("draft:99", Missing),
        ("version:support@9", Missing),
        ("version:support", Invalid),
        ("draft:x", Invalid),
        ("draft:²", Invalid),
        ("draft:" + "9" * 30, Missing),
        ("draft:" + "9" * 5_000, Invalid),
        ("version:support@" + "9" * 5_000, Invalid),
        ("policy:support", Invalid),
    ],
)
def test_what_is_not_there_cannot_be_tried(tmp_path: Path, on: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        simulate(a_runtime(tmp_path), a_chat(), on=on)


def test_what_binds_the_key_binds_its_simulation(tmp_path: Path) -> None:
    bound = {"constraints": {"deployments": ["dear"]}}
    snapshot = a_snapshot(deployments=[a_deployment("cheap"), a_deployment("dear", dollars=9)], callers={"app": bound})

    simulation = simulate(a_runtime(tmp_path, snapshot), a_chat(), caller=CALLER)

    assert [step.deployment for step in simulation.decision.plan] == ["dear"]
