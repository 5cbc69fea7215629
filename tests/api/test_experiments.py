"""An experiment from creation to decision, through the API alone."""

from typing import Any

import pytest

from routerapp.models import Policy, RoutedRequest
from routerapp.serving import publish_policy
from tests.api.callers import calls_as, codes_of
from tests.factories import a_deployment
from tests.serving.actors import EDITOR, PUBLISHER

pytestmark = pytest.mark.django_db
BODY = {
    "slug": "faster",
    "name": "Faster?",
    "policy": "support",
    "rule": "default",
    "arms": [
        {"name": "control", "weight": 1},
        {"name": "treatment", "weight": 1, "use": {"pool": ["all"], "strategy": {"kind": "fastest"}}},
    ],
}


@pytest.fixture
def policy() -> Policy:
    a_deployment()
    made = publish_policy.create_policy("support", "Support", template="balanced", by=EDITOR)
    publish_policy.publish_draft(made.drafts.get().pk, expected_revision=1, note="go", by=PUBLISHER)
    return made


def traffic(arm: str, first: int, n: int, cost_nusd: int) -> None:
    from django.utils import timezone

    now_ms = int(timezone.now().timestamp() * 1000)
    RoutedRequest.objects.bulk_create(
        RoutedRequest(
            id=f"id-{number}",
            at_ms=now_ms,
            origin="live",
            status="ok",
            requested_model="auto",
            experiment="faster",
            arm=arm,
            attempts=1,
            cost_nusd=cost_nusd + number % 3,
            latency_ms=100,
        )
        for number in range(first, first + n)
    )


def test_from_creation_to_decision(policy: Policy) -> None:
    publisher = calls_as("publisher")
    created = publisher("POST", "experiments", BODY)
    started = publisher("POST", "experiments/faster/start", {})
    traffic("control", 0, 200, 9_000_000)
    traffic("treatment", 200, 210, 4_000_000)

    report = publisher("GET", "experiments/faster/report").json()
    stopped = publisher("POST", "experiments/faster/stop", {"keep": "treatment"})
    decided = publisher("PUT", "experiments/faster/decision", {"arm": "treatment", "note": "Half the cost."})

    assert [one.status_code for one in (created, started, stopped, decided)] == [201, 200, 200, 200]
    assert (created.json()["state"], started.json()["state"], stopped.json()["state"]) == (
        "draft",
        "running",
        "stopped",
    )
    assert (report["is_trustworthy"], report["arms"]["treatment"]["assigned"]) == (True, 210)
    assert report["arms"]["treatment"]["lifts"]["cost_usd"]["verdict"] == "better"
    assert decided.json()["decision_note"] == "Half the cost."


def test_a_report_before_the_start_is_empty(policy: Policy) -> None:
    editor = calls_as("editor")
    editor("POST", "experiments", BODY)

    assert editor("GET", "experiments/faster/report").json() == {
        "is_trustworthy": None,
        "is_since_change": False,
        "sample_ratio": None,
        "arms": {},
    }
    assert editor("DELETE", "experiments/faster").status_code == 204


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"arms": []}, "arms"),
        ({"unit": "moon"}, "unit"),
        ({"arms": [{"name": "x" * 41, "weight": 1}] * 2}, "arms[0].name"),
        ({"surprise": 1}, "surprise"),
        ({"hypothesis": "x" * 501}, "hypothesis"),
    ],
)
def test_bad_input_names_the_field(policy: Policy, change: dict[str, Any], path: str) -> None:
    answer = calls_as("editor")("POST", "experiments", {**BODY, **change})

    assert answer.status_code == 422
    assert path in codes_of(answer)
