"""`Why not?` beside a candidate: a fragment with htmx, a page without; for viewers of a request, for editors in the playground."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.urls import reverse

from dashboard.explanation_lines import explanation_lines
from routerapp.engine.explain import Change, Explanation, WhyNot
from routerapp.engine.verdicts import Verdict
from routerapp.models import DecisionInputs
from routerapp.store.revisions import load_config
from tests.dashboard.test_playground import ScopedClient
from tests.factories import a_deployment, a_document, a_draft, a_key, a_language_model, a_policy
from tests.recorded_decision import a_recorded_decision
from tests.runtimes import a_runtime

PLAY = reverse("dashboard:playground-why-not")
HTMX = {"HX-Request": "true", "HX-Target": "div#why-1-2", "HX-Request-Type": "partial"}


@pytest.fixture
def recorded(db):
    load_config.cache_clear()
    a_deployment(slug="cheap")
    a_deployment(slug="dear", price={"input_nusd_per_mtok": 3_000_000_000, "output_nusd_per_mtok": 6_000_000_000})
    a_policy(is_default=True)
    return a_recorded_decision()


@pytest.fixture
def editor(tmp_path):
    return ScopedClient(a_runtime(tmp_path))


@pytest.fixture
def viewer_with_runtime(tmp_path):
    return ScopedClient(a_runtime(tmp_path), "viewer")


@pytest.fixture
def without_runtime():
    return ScopedClient()


def address(request_id: str, deployment: str) -> str:
    return reverse("dashboard:request-why-not", args=[request_id, deployment])


def test_a_request_offers_it_for_every_candidate_but_the_chosen(viewer, recorded):
    page = viewer.get(reverse("dashboard:request-detail", args=[recorded.id])).text

    assert address(recorded.id, "dear") in page
    assert address(recorded.id, "cheap") not in page


def test_a_page_says_why_what_would_and_where(viewer, recorded):
    page = viewer.get(address(recorded.id, "dear")).text

    assert "<h1>" in page
    assert "it would cost" in page
    assert "per million tokens" in page
    assert "Checked by deciding again with the same seed" in page
    assert reverse("dashboard:price-create", args=["cheap"]) in page


def test_with_htmx_it_is_the_fragment_alone(viewer, recorded):
    part = viewer.get(address(recorded.id, "dear"), headers=HTMX).text

    assert "What would" in part
    assert "<h1>" not in part


def test_a_decision_that_cannot_be_made_again_says_why(viewer, recorded):
    DecisionInputs.objects.all().delete()

    assert "no longer kept" in viewer.get(address(recorded.id, "dear")).text


@pytest.mark.parametrize("deployment", ["nowhere", "<script>", "%00", "x" * 300])
def test_what_is_not_there_is_a_404(viewer, recorded, deployment):
    assert viewer.get(address(recorded.id, deployment)).status_code == 404
    assert viewer.get(address("0193b000-0000-7000-8000-ffffffffffff", "dear")).status_code == 404


def _given(why: str, **more: str) -> dict[str, str]:
    return {"prompt": "Say something secret", "target": "auto", "why": why} | more


@pytest.mark.django_db(transaction=True)
async def test_the_playground_explains_and_quotes_nothing(editor):
    part = (await editor.post(PLAY, _given("auto 5 dear"), headers=HTMX)).content.decode()
    page = (await editor.post(PLAY, _given("auto 5 dear"))).content.decode()

    assert "What would" in part and "<h1>" not in part
    assert "<h1>" in page
    assert "secret" not in part + page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "why",
    [
        "",
        "auto",
        "auto 5",
        "auto x dear",
        "nonsense 5 dear",
        "draft:999 5 dear",
        "auto 5 nowhere",
        "auto 5 <b>" + "x" * 200,
    ],
)
async def test_a_bad_question_is_a_sentence_not_a_failure(editor, why):
    answer = await editor.post(PLAY, _given(why))

    assert answer.status_code == (200 if why == "auto x dear" else 422)
    assert "<b>" not in answer.content.decode()


@pytest.mark.django_db(transaction=True)
async def test_a_viewer_and_a_missing_router_are_refused(viewer_with_runtime, without_runtime):
    assert (await viewer_with_runtime.post(PLAY, _given("auto 5 dear"))).status_code == 403
    assert "not running" in (await without_runtime.post(PLAY, _given("auto 5 dear"))).content.decode()


@pytest.mark.django_db(transaction=True)
async def test_an_edit_leads_into_the_draft_that_was_asked(editor):
    def make() -> int:
        policy = a_policy(slug="help")
        rule = {"id": "r1", "name": "Dear ones", "enabled": False, "use": {"pool": ["model:dear"]}}
        return a_draft(policy, a_document("help", rules=[rule])).pk

    draft = await sync_to_async(make)()
    page = (await editor.post(PLAY, _given(f"draft:{draft} 5 dear", target=f"draft:{draft}"))).content.decode()

    assert "Switch the rule “Dear ones” of help on." in page
    assert reverse("dashboard:rule-edit", args=["help", draft, "r1"]) in page


def _explained(change: Change | None, **more: object) -> Explanation:
    facts: dict[str, object] = {"why_not": WhyNot(Verdict.NOT_CHOSEN, {"place": 2}, 0.1), "strategy": "balanced"}
    return Explanation("dear", "cheap", change=change, decisions=9, is_complete=True, seed=1, **{**facts, **more})  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (Change("people", "price", "dear", "input_nusd_per_mtok", 2, 1, 1, "nusd_per_mtok"), "price-create"),
        (Change("people", "deployment", "dear", "weight", 1, 2, 1, "count"), "deployment-edit"),
        (Change("people", "score", "large", "code", 0.5, 0.6, 0.001), "score-edit"),
        (Change("people", "model", "large", "has_tools", False, True), "language-model-edit"),
        (Change("people", "constraint", "web", "min_quality", 0.5, 0.4, 0.001, name="min_quality"), "key-list"),
        (Change("people", "rule", "help", "rules[0].enabled", True, False, rule="r1"), "policy-detail"),
        (Change("caller", "request", "", "stream", True, False), ""),
        (Change("nobody", "live", "dear", "in_flight", 3, 2, 1, "count"), ""),
        (Change("people", "price", "archived", "input_nusd_per_mtok", 2, 1, 1, "nusd_per_mtok"), ""),
    ],
)
def test_each_change_leads_to_where_it_is_made(change, name):
    a_deployment(slug="dear", language_model=a_language_model(slug="large"))
    a_policy(slug="help")
    a_key(slug="web")
    lines = explanation_lines(_explained(change))
    arguments = (
        [change.subject, change.field] if name == "score-edit" else [] if name == "key-list" else [change.subject]
    )

    assert lines.link == (reverse(f"dashboard:{name}", args=arguments) if name else "")
    assert bool(lines.note) is (change.owner != "people")


@pytest.mark.parametrize(
    ("strategy", "gap", "words"),
    [
        ("cheapest", 700_000.0, "it would cost $0.0007 more"),
        ("fastest", 120.0, "its first token takes 120 ms longer"),
        ("balanced", 0.125, "its score is 0.125 lower"),
        ("balanced", 0.0, "at the same score"),
        ("balanced", -0.2, "its own score is higher"),
        ("weighted", None, "number 2 in line behind cheap"),
    ],
)
def test_the_gap_is_said_in_what_the_strategy_compares(strategy, gap, words):
    why_not = WhyNot(Verdict.NOT_CHOSEN, {"place": 2}, gap)

    assert words in explanation_lines(_explained(None, why_not=why_not, strategy=strategy)).reason
