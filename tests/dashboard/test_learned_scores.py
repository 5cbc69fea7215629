"""Scores learned from use on the Models pages: interval, sources, what was set aside; beside the score given by hand; and with none yet."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from dashboard.learned_scores import REASONS, SOURCES
from routerapp.learning import evidence, votes
from routerapp.models import Job, LearnedScore, SetAsideVotes
from tests.factories import a_language_model

LIST = reverse("dashboard:language-model-list")


def learned(**overrides: Any) -> LearnedScore:
    fields: dict[str, Any] = {
        "language_model": "mistral",
        "kind": "dimension",
        "subject": "code",
        "mean": 0.8123,
        "low": 0.74,
        "high": 0.87,
        "judgements": 120,
        "effective": 84.5,
        "sources": {
            "rating": {"n": 90, "share": 0.4, "weight": 0.5},
            "label": {"n": 30, "share": 0.6, "weight": 1.0},
        },
        "set_aside": 7,
        "prior_share": 0.03,
        "newest_ms": 1_793_500_000_000,
        "is_used": True,
        "made_at_ms": 1_793_500_000_000,
    }
    return LearnedScore.objects.create(**fields | overrides)


@pytest.fixture
def detail(db) -> str:
    a_language_model(slug="mistral", name="Mistral", scores={"code": 0.7})
    a_language_model(slug="other", name="Other", scores={"accuracy": 0.5})
    return reverse("dashboard:language-model-detail", args=["mistral"])


def test_a_models_page_tells_interval_sources_and_what_was_set_aside(viewer, detail):
    learned()
    learned(subject="math", judgements=3, is_used=False, sources={"rating": {"n": 3, "share": 1.0}})
    SetAsideVotes.objects.create(
        voter="ab12cd34ef56",
        language_model="mistral",
        reason="at_odds",
        votes=7,
        detail={"mean": 0.0, "others": 0.8},
        made_at_ms=1,
    )

    page = viewer.get(detail).text

    assert "0.74 to 0.87" in page
    assert "30 labels at 1, 60.0 % of the score&#x27;s own" in page
    assert "90 ratings at 0.5, 40.0 %" in page
    assert "the score given by hand goes first" in page and "0.700" in page
    assert "not used under 20 judgements" in page
    assert "at odds with everybody else" in page and "said 0.00 where others say 0.80" in page
    assert "ab12cd34ef56" not in page


def test_the_list_shows_it_in_the_cell_beside_the_score_given_by_hand(viewer, detail):
    learned()
    learned(language_model="other", kind="task", subject="math", mean=0.25, low=0.2, high=0.3)

    page = viewer.get(LIST).text

    assert "learned 0.81, 95 % between 0.74 and 0.87, from 30 labels" in page
    assert "0.70" in page
    assert "Math" in page and "learned 0.25" in page
    assert "Nothing learned yet" not in page.partition("Learned from use")[2].partition("learned 0.25")[0]


def test_without_scores_the_pages_say_what_makes_one(viewer, detail):
    for page in (viewer.get(LIST).text, viewer.get(detail).text):
        assert "Nothing learned yet" in page
        assert "POST /v1/feedback" in page


def test_sorted_by_a_dimension_what_was_learned_stands_for_a_missing_score(viewer, detail):
    learned(language_model="other", mean=0.9)

    page = viewer.get(LIST, {"sort": "code"}).text.partition('id="scores"')[2]

    assert page.index('id="score-other-code"') < page.index('id="score-mistral-code"')


def test_an_editor_has_it_learned_now_and_once(signed_in, detail):
    client = signed_in("editor")
    for _ in range(2):
        assert client.post(reverse("dashboard:learn-now")).status_code == 302

    assert Job.objects.filter(kind="learn_from_use").count() == 1
    assert "learning now" in client.get(LIST).text
    assert client.get(reverse("dashboard:learn-now")).status_code == 405


def test_a_viewer_cannot(viewer, detail):
    assert viewer.post(reverse("dashboard:learn-now")).status_code == 403
    assert "Learn now" not in viewer.get(LIST).text


def test_every_source_and_every_reason_has_words():
    assert set(SOURCES) == set(evidence.SOURCES)
    assert set(REASONS) == {votes.AT_ODDS, votes.BURST, votes.STRANGERS_AT_ODDS, "rate_limited"}
