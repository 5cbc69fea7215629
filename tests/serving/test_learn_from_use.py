"""What callers thought of answers becomes evidence: counted once, of live answers only, and never over what people set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from routerapp.models import (
    FEWEST_JUDGEMENTS,
    Dimension,
    Feedback,
    InstallationState,
    Job,
    LearnedScore,
    SetAsideVotes,
)
from routerapp.serving.learn_from_use import learn_from_use
from routerapp.store.config_document import unix_ms
from routerapp.store.revisions import load_evidence, record_config_revision
from tests.factories import a_request

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def configuration() -> None:
    Dimension.objects.create(slug="code", name="Code")
    record_config_revision("test")


def judged(model: str, value: float, number: int, hours: int = 5, **request: Any) -> None:
    """By somebody of that number, so many hours after the one before."""
    at_ms = unix_ms(NOW) - 3_600_000 * (1 + hours * (number % 1_000)) - number
    row = a_request(at_ms=at_ms, language_model=model, task="code", user_hash=f"user-{number}", **request)
    Feedback.objects.create(
        id=f"f-{row.id[-12:]}", request_id=row.id, at_ms=at_ms + 60_000, kind="rating", value=value, source="key"
    )


def learn() -> Any:
    job = Job.objects.create(kind="learn_from_use", state="running")
    words = learn_from_use(job, NOW)
    return words, load_evidence(InstallationState.objects.get(id=1).evidence_id or "")


def test_judgements_become_scores_and_the_bandits_state() -> None:
    for number in range(60):
        judged("good", 1.0, number)
        judged("bad", 0.0, 1_000 + number)

    words, evidence = learn()

    assert "120 judgements" in words
    assert evidence.capabilities["good|code"] > 0.7 > 0.3 > evidence.capabilities["bad|code"]
    alpha, beta = evidence.bandit["code|good"]
    assert alpha > 10 * beta
    assert learn()[1] == evidence


def test_a_crowd_of_strangers_within_the_hour_moves_nothing_and_is_told() -> None:
    for number in range(40):
        judged("good", 1.0, number)
        judged("bad", 0.0, 1_000 + number)
    _, before = learn()
    for number in range(2_000, 2_060):
        judged("bad", 1.0, number, hours=0)

    words, evidence = learn()

    assert "left out" in words
    assert abs(evidence.capabilities["bad|code"] - before.capabilities["bad|code"]) < 0.1


def test_few_judgements_make_no_score() -> None:
    for number in range(FEWEST_JUDGEMENTS - 1):
        judged("good", 1.0, number)

    _, evidence = learn()

    assert evidence.capabilities == {}
    assert evidence.bandit["code|good"][0] > 1


def test_only_live_answers_count_and_of_one_source_the_last_word() -> None:
    judged("sampled", 1.0, 1, origin="sample")
    judged("live", 0.0, 2)
    first = Feedback.objects.get(value=0.0)
    Feedback.objects.create(
        id="later", request_id=first.request_id, at_ms=first.at_ms + 5, kind="rating", value=1.0, source="key"
    )

    words, evidence = learn()

    assert words.startswith("1 judgements")
    assert set(evidence.bandit) == {"*|live", "code|live"}
    alpha, beta = evidence.bandit["code|live"]
    assert alpha > 1 and beta == 1


def test_without_judgements_nothing_changes() -> None:
    before = InstallationState.objects.get(id=1).evidence_id

    assert learn()[0] == "Nobody has judged a live answer yet."
    assert InstallationState.objects.get(id=1).evidence_id == before


def test_scores_are_kept_with_interval_sources_and_what_was_set_aside() -> None:
    for number in range(1, 41):
        judged("good", 1.0, number)
        judged("bad", 0.0, 1_000 + number)
    for number in range(2_000, 2_060):
        judged("bad", 1.0, number, hours=0)

    learn()

    score = LearnedScore.objects.get(language_model="good", kind="dimension", subject="code")
    assert 0 <= score.low < score.mean < score.high <= 1
    assert score.sources == {"rating": {"n": 40, "share": 1.0, "weight": 0.5}}
    assert (score.judgements, score.set_aside, score.is_used) == (40, 0, True)
    other = LearnedScore.objects.get(language_model="bad", kind="task", subject="code")
    assert (other.judgements, other.set_aside, other.is_used) == (40, 60, False)
    burst = SetAsideVotes.objects.get()
    assert (burst.language_model, burst.reason, burst.votes) == ("bad", "burst", 60)


def test_every_run_writes_the_scores_anew() -> None:
    judged("gone", 1.0, 1)
    learn()
    Feedback.objects.all().delete()
    judged("new", 1.0, 2)

    learn()

    assert set(LearnedScore.objects.values_list("language_model", flat=True)) == {"new"}
