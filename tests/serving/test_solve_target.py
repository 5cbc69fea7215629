"""A wish is solved on recent requests, and the engine with the solved number does what was promised."""

from __future__ import annotations

import msgspec
import pytest

from routerapp.engine.decide import decide
from routerapp.engine.policy import parse_policy
from routerapp.engine.types import Live
from routerapp.serving.recent_predictions import recent_predictions
from routerapp.serving.solve_target import CannotSolve, solve_target
from routerapp.store.recorded import recorded_window
from routerapp.store.revisions import record_config_revision, record_evidence_revision
from routerapp.store.snapshot import load_snapshot
from tests.factories import a_deployment, a_language_model, a_request
from tests.learned import POEM, SUM, keep_artefact, small_artefact

pytestmark = pytest.mark.django_db
NOW_MS = 1_900_000_000_000
REQUESTS = 60
LEARNED = {"kind": "learned", "default": "model:dear", "margin": 0, "max_loss": 1}
THRESHOLD = {"kind": "threshold", "strong": "model:dear", "weak": "model:cheap"}


@pytest.fixture
def folder(tmp_path):
    """A catalogue, a promoted predictor, and requests of which two in three are sums and whose content was kept."""
    recorded_window.cache_clear()
    for slug, dollars in (("cheap", 1), ("dear", 10)):
        price = {"input_nusd_per_mtok": dollars * 10**9, "output_nusd_per_mtok": 2 * dollars * 10**9}
        a_deployment(slug=slug, language_model=a_language_model(slug=slug), price=price)
    for number in range(REQUESTS):
        asked(SUM if number % 3 else POEM)
    record_config_revision("made")
    record_evidence_revision(predictor=keep_artefact(tmp_path))
    yield tmp_path
    recorded_window.cache_clear()


def asked(text: str):
    return a_request(chat={"messages": [{"role": "user", "content": text}]})


def a_use(strategy, **target):
    return {"pool": ["all"], "strategy": {**strategy, "target": target}}


def routed(folder, use, solved):
    """Of all requests with the solved number in the strategy: (share of the dear one, USD per 1,000)."""
    use = {**use, "strategy": {**use["strategy"], "solved": dict(solved)}}
    policy = parse_policy({"schema": 1, "policy": "p", "rules": [], "default": use})
    snapshot = load_snapshot()
    inputs = recent_predictions(small_artefact()[1], folder).inputs
    decisions = [decide(policy, snapshot.config, snapshot.evidence, one, Live(), 0, NOW_MS)[0] for one in inputs]
    chosen = [one.plan[0].deployment for one in decisions]
    costs = [
        c.estimate.cost_nusd
        for one, slug in zip(decisions, chosen, strict=True)
        for c in one.candidates
        if c.deployment == slug
    ]
    return chosen.count("dear") / len(chosen), sum(costs) / len(costs) / 1e6


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "equal"},
        {"kind": "share_of_best", "value": 0.9},
        {"kind": "max_share_dear", "value": 0.4},
        {"kind": "max_usd_per_1000", "value": 3},
    ],
    ids=lambda target: target["kind"],
)
def test_the_engine_does_with_the_number_what_was_promised(folder, target):
    use = a_use(LEARNED, **target)
    found = solve_target(use, folder)

    assert (found.requests, found.recorded, found.is_met) == (REQUESTS, 0, True)
    assert routed(folder, use, found.solved) == (pytest.approx(found.share_dear), pytest.approx(found.usd_per_1000))


def test_a_threshold_is_solved_for_the_share_of_the_strong_one(folder):
    use = a_use(THRESHOLD, kind="max_share_dear", value=0.35)
    found = solve_target(use, folder)

    assert (found.usd_per_1000, found.is_met) == (None, True)
    assert routed(folder, use, found.solved)[0] == pytest.approx(found.share_dear) == pytest.approx(1 / 3)


def test_what_cannot_be_had_is_said_with_the_nearest(folder):
    found = solve_target(a_use(LEARNED, kind="max_usd_per_1000", value=0.000001), folder)

    assert not found.is_met
    assert "the nearest is" in found.problem


def test_recorded_predictions_go_before_kept_content(folder):
    window = recorded_window().newest()
    said = recent_predictions(small_artefact()[1], folder)
    window[0].inputs = msgspec.structs.replace(said.inputs[0], facts=window[0].inputs.facts)

    assert recent_predictions(small_artefact()[1], folder).recorded == 1


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ({"pool": ["all"], "strategy": {"kind": "cheapest"}}, "choose one of them"),
        ({"pool": ["all"], "strategy": LEARNED}, "choose one of them"),
        ({"pool": ["all"], "strategy": {"kind": "learned", "target": {"kind": "equal"}}}, "use.strategy.default: "),
        (a_use({**LEARNED, "cautious": True}, kind="equal"), "cautious"),
        (a_use({**LEARNED, "default": "model:gone"}, kind="equal"), "The default and one model more need a prediction"),
        ({}, "use.pool: "),
    ],
)
def test_what_is_missing_is_said(folder, use, words):
    with pytest.raises(CannotSolve, match=words):
        solve_target(use, folder)


def test_few_requests_are_refused(folder):
    from routerapp.models import Body

    Body.objects.filter(request_id__in=[one.id for one in recorded_window().newest()[:20]]).delete()
    recorded_window.cache_clear()

    with pytest.raises(CannotSolve, match="40 of the newest 60 requests"):
        solve_target(a_use(LEARNED, kind="equal"), folder)


def test_where_nothing_was_predicted_it_says_when_requests_are(folder):
    from routerapp.models import Body

    Body.objects.all().delete()
    recorded_window.cache_clear()

    with pytest.raises(CannotSolve, match=r"0 of the newest 60 requests .* afterwards where content is kept"):
        solve_target(a_use(LEARNED, kind="equal"), folder)


def test_without_a_predictor_it_says_where_to_get_one(folder):
    record_evidence_revision(predictor="")

    with pytest.raises(CannotSolve, match="No predictor is promoted"):
        solve_target(a_use(LEARNED, kind="equal"), folder)
