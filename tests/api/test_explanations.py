"""/api/…/explain: the change with what was checked, and clear refusals."""

from __future__ import annotations

import pytest
from django.test import AsyncClient

from routerapp.models import DecisionInputs
from routerapp.store.revisions import load_config
from tests.api.callers import calls_as, codes_of, error_of
from tests.factories import a_deployment, a_policy, a_request
from tests.recorded_decision import a_recorded_decision
from tests.runtimes import a_runtime

CHAT = {"messages": [{"role": "user", "content": "Hello <script>"}]}


@pytest.fixture
def recorded(db):
    load_config.cache_clear()
    a_deployment(slug="cheap")
    a_deployment(slug="dear", price={"input_nusd_per_mtok": 3_000_000_000, "output_nusd_per_mtok": 6_000_000_000})
    a_policy(is_default=True)
    return a_recorded_decision()


def test_a_recorded_request_is_explained(recorded):
    answer = calls_as("viewer")("GET", f"requests/{recorded.id}/explain?deployment=dear").json()

    assert (answer["deployment"], answer["first"], answer["is_complete"]) == ("dear", "cheap", True)
    assert answer["why_not"]["verdict"] == "not_chosen"
    assert (answer["change"]["kind"], answer["change"]["unit"]) == ("price", "nusd_per_mtok")
    assert abs(answer["change"]["after"] - answer["change"]["one_step_less"]) == answer["change"]["step"]
    assert "chooses it" in answer["checked"]


def test_what_is_chosen_has_no_change(recorded):
    answer = calls_as("viewer")("GET", f"requests/{recorded.id}/explain?deployment=cheap").json()

    assert (answer["is_first"], answer["change"]) == (True, None)


def test_refusals_say_what_is_wrong(recorded):
    call = calls_as("viewer")
    unknown = call("GET", f"requests/{recorded.id}/explain?deployment=nowhere")
    nameless = call("GET", f"requests/{recorded.id}/explain")
    nobody = call("GET", "requests/0193b000-0000-7000-8000-ffffffffffff/explain?deployment=dear")
    undecided = call("GET", f"requests/{a_request(inputs=None).id}/explain?deployment=dear")
    DecisionInputs.objects.update(config_revision="f" * 64)
    gone = call("GET", f"requests/{recorded.id}/explain?deployment=dear")

    assert (unknown.status_code, nobody.status_code) == (404, 404)
    assert codes_of(nameless) == {"deployment": "required"}
    assert (undecided.status_code, error_of(undecided)["code"]) == (409, "gone")
    assert (gone.status_code, error_of(gone)["code"]) == (409, "revision_gone")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"deployment": "a"}, "chat"),
        ({"chat": CHAT}, "deployment"),
        ({"chat": {"messages": []}, "deployment": "a"}, "chat.messages"),
        ({"chat": {"messages": [{"role": 3}]}, "deployment": "a"}, "chat.messages"),
        ({"chat": {"messages": [{"role": "user", "content": 7}]}, "deployment": "a"}, "chat.messages"),
        ({"chat": CHAT | {"nonsense": 1}, "deployment": "a"}, "chat.nonsense"),
        ({"chat": CHAT, "deployment": "a", "seed": "zz"}, "seed"),
        ({"chat": CHAT | {"max_tokens": 10_000_001}, "deployment": "a"}, "chat.max_tokens"),
    ],
)
def test_a_bad_question_names_the_field(body, path):
    answer = calls_as("editor")("POST", "explain", body)

    assert answer.status_code == 422
    assert any(one.startswith(path) for one in codes_of(answer))


@pytest.mark.django_db
def test_without_a_running_router_it_says_so():
    answer = calls_as("editor")("POST", "explain", {"chat": CHAT, "deployment": "a"})

    assert (answer.status_code, error_of(answer)["code"]) == (503, "not_ready")


class ScopedClient(AsyncClient):
    def __init__(self, runtime, **more) -> None:
        super().__init__(**more)
        self._runtime = runtime

    def _base_scope(self, **request):
        return {**super()._base_scope(**request), "runtime": self._runtime}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("more", "status"),
    [({}, 200), ({"on": "draft:999"}, 404), ({"on": "x"}, 422), ({"deployment": "nowhere"}, 404)],
)
async def test_a_chat_is_explained_without_a_word_of_it(tmp_path, more, status):
    from asgiref.sync import sync_to_async

    key = (await sync_to_async(calls_as)("editor")).key
    client = ScopedClient(a_runtime(tmp_path))
    body = {"chat": CHAT, "deployment": "dear", "seed": "00000000000000ff"} | more
    headers = {"authorization": f"Bearer {key.full_key}"}
    answer = await client.post("/api/explain", body, content_type="application/json", headers=headers)

    assert answer.status_code == status, answer.content
    assert b"Hello" not in answer.content
    if status == 200:
        assert (answer.json()["first"], answer.json()["seed"]) == ("cheap", "00000000000000ff")


@pytest.mark.django_db(transaction=True)
async def test_a_name_that_means_nothing_is_refused_at_its_place(tmp_path):
    from asgiref.sync import sync_to_async

    key = (await sync_to_async(calls_as)("editor")).key
    body = {"chat": CHAT | {"model": "no-such-model"}, "deployment": "dear"}
    headers = {"authorization": f"Bearer {key.full_key}"}
    answer = await ScopedClient(a_runtime(tmp_path)).post(
        "/api/explain", body, content_type="application/json", headers=headers
    )

    assert answer.status_code == 422
    assert codes_of(answer) == {"chat.model": "model_not_found"}
