"""The playground: Route calls nobody, Run streams through the hot path; answers and prompts stay text."""

from __future__ import annotations

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from django.urls import reverse

from dashboard.code_samples import curl_sample, javascript_sample, python_sample
from dashboard.sample_prompts import sample_prompts
from routerapp.models import User
from routerapp.store.records import FeedbackGiven
from tests.factories import a_document, a_draft, a_policy, a_team, a_user
from tests.runtimes import a_runtime, a_snapshot, journal_of

ROUTE = reverse("dashboard:playground-route")
RUN = reverse("dashboard:playground-run")
LINES = {"accept": "application/x-ndjson"}
HOSTILE = "</pre><script>alert(1)</script>"
pytestmark = pytest.mark.django_db(transaction=True)


class ScopedClient(AsyncClient):
    """Hands the runtime on in the scope, as asgi.py does."""

    def __init__(self, runtime=None, role: str = "editor", **more) -> None:
        super().__init__(**more)
        self._runtime = runtime
        self.force_login(a_user(role), backend="django.contrib.auth.backends.ModelBackend")

    def _base_scope(self, **request):
        return {**super()._base_scope(**request), "runtime": self._runtime}


@pytest.fixture
def runtime(tmp_path):
    return a_runtime(tmp_path)


@pytest.fixture
def editor(runtime):
    return ScopedClient(runtime)


@pytest.fixture
def viewer_with_runtime(runtime):
    return ScopedClient(runtime, "viewer")


@pytest.fixture
def without_runtime():
    return ScopedClient()


@pytest.fixture
def checked_for_csrf(runtime):
    return ScopedClient(runtime, enforce_csrf_checks=True)


def _given(**more: str) -> dict[str, str]:
    return {"prompt": "Write a Python function", "target": "auto", "stream": "on"} | more


def _join_team(slug: str) -> None:
    User.objects.update(team=a_team(slug=slug))


async def _lines(response) -> list[dict]:
    return [orjson.loads(line) async for chunk in response.streaming_content for line in chunk.splitlines() if line]


async def test_route_shows_rules_and_candidates_and_calls_nobody(editor, runtime):
    response = await editor.post(ROUTE, _given())
    page = response.content.decode()

    assert response.status_code == 200
    assert "cheap" in page
    assert "dear" in page
    assert "Estimated cost" in page
    assert journal_of(runtime) == []


async def test_two_drafts_are_compared_side_by_side(editor, runtime):
    first, second = await _two_drafts()
    response = await editor.post(ROUTE, _given(target=f"draft:{first}", compare=f"draft:{second}"))
    columns = response.context["columns"]

    assert [one.chosen for one in columns] == ["cheap", "dear"]
    assert [one.name for one in columns[1].rules] == ["code-to-dear", "Default"]


async def test_run_streams_lines_of_text_and_ends_with_usage(editor, runtime):
    headers = {"accept": "application/x-ndjson"}
    response = await editor.post(RUN, _given(), headers=headers)
    lines = await _lines(response)

    kinds = [line["kind"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("start", "end")
    assert "".join(line["text"] for line in lines if line["kind"] == "text")
    assert next(line for line in lines if line["kind"] == "usage")["cost"] is not None
    assert journal_of(runtime)[0].origin == "playground"
    assert lines[0]["decision"] == journal_of(runtime)[0].id


async def test_a_run_is_spent_out_of_the_budget_of_the_persons_team(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(teams={"core": {"daily_spend_nusd": 1}}))
    client = await sync_to_async(ScopedClient)(runtime)
    alone = await _lines(await client.post(RUN, _given(), headers=LINES))
    await sync_to_async(_join_team)("core")
    lines = await _lines(await client.post(RUN, _given(), headers=LINES))

    assert alone[-1]["kind"] != "error"
    assert lines[-1]["code"] == "budget_exceeded"
    assert "The team core's daily budget" in lines[-1]["message"]


async def test_run_of_a_draft_calls_what_the_draft_decided(editor, runtime):
    _, second = await _two_drafts()
    response = await editor.post(RUN, _given(target=f"draft:{second}"), headers={"accept": "application/x-ndjson"})

    assert (await _lines(response))[0]["model"] == "dear"


async def test_run_of_a_draft_repeats_a_choice_by_chance_as_it_was_shown(editor, runtime):
    target = f"draft:{await _draft({'pool': ['all'], 'strategy': {'kind': 'weighted'}})}"
    shown, answered = [], []
    for _ in range(8):
        column = (await editor.post(ROUTE, _given(target=target))).context["columns"][0]
        run = _given(target=target) | {"seed": str(column.seed)}
        response = await editor.post(RUN, run, headers={"accept": "application/x-ndjson"})
        shown.append(column.chosen)
        answered.append((await _lines(response))[0]["deployment"])

    assert answered == shown


async def test_without_javascript_run_answers_with_a_page(editor, runtime):
    response = await editor.post(RUN, _given(prompt=HOSTILE))
    page = response.content.decode()

    assert response.status_code == 200
    assert "answer-text" in page
    assert "why this answer" in page
    assert HOSTILE not in page


@pytest.mark.parametrize(
    ("field", "value"), [("prompt", ""), ("temperature", "hot"), ("max_tokens", "0"), ("target", "draft:999")]
)
async def test_wrong_input_is_422_and_keeps_what_was_typed(editor, runtime, field, value):
    response = await editor.post(ROUTE, _given(**{"system": "Be brief", field: value}))

    assert response.status_code == 422
    assert "Be brief" in response.content.decode()


async def test_a_draft_that_rejects_says_so_in_its_own_words(editor, runtime):
    draft = await _draft({"reject": HOSTILE})
    routed = await editor.post(ROUTE, _given(target=f"draft:{draft}"))
    run = await editor.post(RUN, _given(target=f"draft:{draft}"), headers={"accept": "application/x-ndjson"})

    assert routed.context["columns"][0].outcome == "rejected"
    assert HOSTILE not in routed.content.decode()
    assert (await _lines(run))[-1] | {"decision": ""} == {
        "kind": "error",
        "code": "rejected",
        "message": HOSTILE,
        "status": 403,
        "source": "policy",
        "decision": "",
    }


async def test_without_a_running_router_both_say_so(without_runtime):
    assert "not running" in (await without_runtime.post(ROUTE, _given())).content.decode()
    response = await without_runtime.post(RUN, _given(), headers={"accept": "application/x-ndjson"})
    assert (await _lines(response))[0]["code"] == "not_ready"


@pytest.mark.parametrize("url", [ROUTE, RUN])
async def test_a_viewer_may_look_but_not_try(viewer_with_runtime, url):
    assert (await viewer_with_runtime.get(reverse("dashboard:playground"))).status_code == 200
    assert (await viewer_with_runtime.post(url, _given())).status_code == 403


async def test_run_needs_the_csrf_token(checked_for_csrf):
    assert (await checked_for_csrf.post(RUN, _given())).status_code == 403


def test_an_unknown_recorded_request_is_said(signed_in):
    page = signed_in("editor").get(reverse("dashboard:playground"), {"request": HOSTILE}).content.decode()

    assert "There is no request with this id" in page
    assert HOSTILE not in page


def test_the_address_holds_the_state(signed_in):
    given = {"prompt": "Short", "temperature": "0.2", "example": ""}
    page = signed_in("editor").get(reverse("dashboard:playground"), given).content.decode()

    assert "Short</textarea>" in page
    assert 'value="0.2"' in page


def test_samples_cover_tasks_and_languages():
    labels = [one.label for one in sample_prompts()]

    assert {"code", "math", "translate"} <= set(labels)
    assert sum("," in label for label in labels) >= 4


def test_copied_calls_hold_hostile_text_in_quotes(rf):
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "it's \"$HOME\" `id` \\ \n'; rm"}],
        "stream": True,
    }
    request = rf.get("/")

    compile(python_sample(request, body), "sample", "exec")
    assert "'\"'\"'" in curl_sample(request, body)
    assert "for await" in javascript_sample(request, body)


async def _draft(use) -> int:
    def make() -> int:
        policy = a_policy()
        return a_draft(policy, a_document(policy.slug, default=use)).pk

    return await sync_to_async(make)()


async def _two_drafts() -> tuple[int, int]:
    rule = {
        "id": "r1",
        "name": "code-to-dear",
        "when": {"field": "task", "op": "eq", "value": "code"},
        "use": {"pool": ["model:dear"], "strategy": {"kind": "ordered"}},
    }

    def make() -> tuple[int, int]:
        policy = a_policy()
        plain = a_draft(policy, a_document(policy.slug))
        return plain.pk, a_draft(policy, a_document(policy.slug, rules=[rule])).pk

    return await sync_to_async(make)()


async def test_what_was_predicted_and_what_the_gate_did_is_shown(editor, runtime):
    from routerapp.engine.types import ModelPrediction, Predictions
    from routerapp.serving.predicting import Predicting
    from tests.runtimes import a_policy as a_policy_document

    class Speaker:
        def predict(self, chat, content, routes):
            models = {"cheap": ModelPrediction(0.41, 0.02, 90.0), "dear": ModelPrediction(0.88, 0.02, 90.0)}
            return Predictions("5b1e" * 16, models, 0.9, 0.6, {"poem": 0.8}, 3, {"cheap": 0.4, "dear": 0.9})

    policy = a_policy_document(strategy={"kind": "learned", "default": "model:cheap"})
    runtime.swap(a_snapshot(policies=[policy]), Predicting(Speaker(), frozenset(("support",))))
    page = (await editor.post(ROUTE, _given())).content.decode()

    assert "Predicted to be clearly better than the default" in page
    assert "In the nearest cluster of training prompts (number 3)" in page
    assert "poem 80" in page


VOTE = reverse("dashboard:playground-vote")
FIRST, SECOND = "0193b000-0000-7000-8000-000000000001", "0193b000-0000-7000-8000-000000000002"


@pytest.mark.parametrize(
    ("verdict", "better", "label"),
    [
        ("first", FIRST, f"better_than:{SECOND}"),
        ("second", SECOND, f"better_than:{FIRST}"),
        ("same", FIRST, f"as_good_as:{SECOND}"),
    ],
)
async def test_a_vote_between_two_answers_is_journalled_as_feedback_of_whoever_signed_in(
    editor, runtime, verdict, better, label
):
    response = await editor.post(VOTE, {"first": FIRST, "second": SECOND, "verdict": verdict})

    assert response.status_code == 302
    [given] = [record for record in journal_of(runtime) if isinstance(record, FeedbackGiven)]
    name = await sync_to_async(lambda: User.objects.get().username)()
    assert (given.request_id, given.kind, given.label, given.source) == (better, "label", label, f"user:{name}")


@pytest.mark.parametrize(
    "wrong", [{"verdict": "both"}, {"first": ""}, {"second": FIRST}, {"first": HOSTILE}, {"second": "x" * 5_000}]
)
async def test_a_vote_about_nothing_is_refused_in_words(editor, runtime, wrong):
    given = {"first": FIRST, "second": SECOND, "verdict": "first"} | wrong
    response = await editor.post(VOTE, given, headers={"HX-Request": "true"})

    assert response.status_code == 422
    assert "<script>" not in response.content.decode()
    assert not [record for record in journal_of(runtime) if isinstance(record, FeedbackGiven)]


async def test_two_answers_bring_the_question_which_is_better(editor):
    first, second = await _two_drafts()
    given = _given(target=f"draft:{first}", compare=f"draft:{second}", stream="")
    page = (await editor.post(RUN, given)).content.decode()

    assert "Which answer is better?" in page
    assert 'data-duel aria-label="Which answer is better?" hidden' not in page
