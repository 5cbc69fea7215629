"""Explaining recorded requests and chats: from what was recorded alone, or with the reason why not; in sentences that are true."""

from __future__ import annotations

from random import Random

import pytest

from routerapp.engine.explain import explain
from routerapp.models import DecisionInputs, Deployment
from routerapp.serving.change_words import change_words, checked_words, none_words
from routerapp.serving.explain_decision import explain_recorded, explain_simulated, explanation_document
from routerapp.serving.refusals import Missing
from routerapp.serving.simulate import simulate
from routerapp.store.replay import NotReplayable
from routerapp.store.revisions import load_config
from tests.explain.explainable import a_case
from tests.factories import a_deployment, a_policy
from tests.recorded_decision import a_recorded_decision
from tests.runtimes import a_chat, a_runtime, a_snapshot
from tests.runtimes import a_deployment as a_place


@pytest.fixture
def catalogue(db):
    load_config.cache_clear()
    a_deployment(slug="cheap")
    a_deployment(slug="dear", price={"input_nusd_per_mtok": 3_000_000_000, "output_nusd_per_mtok": 6_000_000_000})
    return a_policy(is_default=True)


def test_a_recorded_request_is_explained_by_the_configuration_of_its_time(catalogue):
    row = a_recorded_decision()
    Deployment.objects.filter(slug="dear").update(is_enabled=False)
    found = explain_recorded(row.id, "dear", None)

    assert not isinstance(found, NotReplayable)
    assert (found.first, found.why_not.verdict.value) == ("cheap", "not_chosen")
    assert found.change is not None and found.change.kind == "price"
    assert change_words(found.change) == ("Raise the output price of cheap from $2.00 to $8.6667 per million tokens.")
    assert checked_words(found, found.change).endswith("$8.6667 chooses it, $8.6666 does not.")


def test_what_is_gone_is_said(catalogue):
    row = a_recorded_decision()
    DecisionInputs.objects.update(config_revision="f" * 64)
    gone = explain_recorded(row.id, "dear")
    DecisionInputs.objects.all().delete()

    assert isinstance(gone, NotReplayable) and gone.code == "revision_gone"
    assert explain_recorded(row.id, "dear") == explain_recorded("no such request", "dear")


def test_a_decision_that_comes_out_otherwise_is_not_explained(catalogue, monkeypatch):
    row = a_recorded_decision()
    DecisionInputs.objects.update(at_ms=1)  # before the first price
    found = explain_recorded(row.id, "dear")

    assert isinstance(found, NotReplayable) and found.code == "differs"


def test_a_deployment_of_another_time_is_missing(catalogue):
    with pytest.raises(Missing):
        explain_recorded(a_recorded_decision().id, "nowhere")


def test_a_chat_is_explained_as_the_playground_decides_it(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(deployments=[a_place("cheap"), a_place("dear", dollars=10)]))
    found = explain_simulated(simulate(runtime, a_chat("Hello there"), seed=5), "dear")
    document = explanation_document(found)

    assert (document["first"], document["is_first"], document["seed"]) == ("cheap", False, f"{5:016x}")
    assert document["change"]["after"] != document["change"]["one_step_less"]
    assert "Hello" not in str(document)


def test_explaining_changes_nothing_that_serves(tmp_path):
    runtime = a_runtime(tmp_path)
    before = runtime.live.report(0), dict(runtime.snapshot.config.memo.pools)
    simulation = simulate(runtime, a_chat(), seed=5)
    pools = dict(runtime.snapshot.config.memo.pools)
    explain_simulated(simulation, "dear")

    assert runtime.live.report(0) == before[0]
    assert runtime.snapshot.config.memo.pools == pools


def test_every_change_that_is_found_has_words():
    random = Random(4)
    kinds = set()
    for _ in range(250):
        case = a_case(random)
        target = random.choice(sorted(case.config["deployments"]))
        found = explain(case.situation(), target)
        words = none_words(found) if found.change is None else change_words(found.change)
        kinds.add("none" if found.change is None else found.change.kind)

        assert words.endswith(".") and "None" not in words and "_nusd" not in words, words
        if found.change is not None:
            assert "chooses" in checked_words(found, found.change) or "is chosen" in checked_words(found, found.change)
    assert len(kinds) >= 9
