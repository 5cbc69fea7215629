"""What recorded traffic says of a challenger: near the truth where it is known, and no number where traffic cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routerapp.models import Feedback, RoutedRequest
from routerapp.serving.gate_words import traffic_words
from routerapp.serving.traffic_look import traffic_look
from routerapp.store.config_document import unix_ms
from tests.explored_traffic import a_learned_policy, a_speaker, explored_requests, that_says

pytestmark = pytest.mark.django_db
NOW_MS = unix_ms(datetime(2026, 11, 1, tzinfo=UTC))
TRUTH = {"cheap": 0.55, "dear": 0.85}
PREFERS_CHEAP = a_speaker(lambda reading: that_says(0.8, 0.6))
PREFERS_DEAR = a_speaker(lambda reading: that_says(0.5, 0.8))


def test_the_better_of_two_is_found_with_its_worth_and_the_figure_of_the_predictions_beside_it() -> None:
    a_learned_policy(share=0.3)
    explored_requests(1_300, NOW_MS, TRUTH)
    found = traffic_look(PREFERS_DEAR, PREFERS_CHEAP, (), NOW_MS)
    told = found.as_json()

    # Either takes its choice in seven of ten requests, and the other one in three.
    assert found.look.difference is not None and 0.4 * (0.85 - 0.55) in found.look.difference
    assert found.look.difference.low > 0
    assert 0.7 * 0.85 + 0.3 * 0.55 in found.challenger.doubly_robust  # type: ignore[union-attr,operator]
    assert told["rows"] == 1_300 and 600 < told["challenger"]["effective"] < 800
    # What the predictions alone say is another number, and stands beside it.
    assert told["challenger"]["direct"]["value"] == pytest.approx(0.7 * 0.7 + 0.3 * 0.65, abs=1e-3)
    assert "1,300 explored requests" in traffic_words(told)


def test_too_little_explored_traffic_gives_no_number_and_says_how_much_is_needed() -> None:
    a_learned_policy(share=0.3)
    explored_requests(120, NOW_MS, TRUTH)
    found = traffic_look(PREFERS_DEAR, PREFERS_CHEAP, (), NOW_MS)

    assert found.look.difference is None
    words = traffic_words(found.as_json())
    assert words.startswith("Not decided: too little explored traffic (120 requests, ") and "500 are needed" in words


def test_what_cannot_tell_is_left_out_and_counted() -> None:
    a_learned_policy(share=0.3)
    explored_requests(20, NOW_MS, TRUTH)
    explored_requests(10, NOW_MS, TRUTH, seed=2, keeps=False)
    explored_requests(10, NOW_MS, TRUTH, seed=3, signalbox={"redacted": 1, "is_cut": False})
    found = traffic_look(PREFERS_DEAR, PREFERS_CHEAP, {"Question 0", "Question 1"}, NOW_MS)

    assert dict(found.left_out) == {"not_kept": 20, "trained_on": 2, "unsupported": 0}
    assert "20 did not keep their whole prompt, 2 were trained on" in traffic_words(found.as_json())


def test_without_exploration_there_is_nothing_to_go_by() -> None:
    a_learned_policy(share=0.0)
    explored_requests(20, NOW_MS, TRUTH)
    found = traffic_look(PREFERS_DEAR, PREFERS_CHEAP, (), NOW_MS)

    assert dict(found.left_out) == {"not_explored": 20}
    assert "20 were not explored" in traffic_words(found.as_json())


def test_what_nobody_judged_or_only_a_cache_answered_is_no_row() -> None:
    a_learned_policy(share=0.3)
    explored_requests(4, NOW_MS, TRUTH)
    Feedback.objects.filter(id="f001-0").delete()
    RoutedRequest.objects.filter(id__endswith="1").update(cache="hit")
    found = traffic_look(PREFERS_DEAR, PREFERS_CHEAP, (), NOW_MS)

    assert found.rows == 2 and found.left_out["not_answered"] == 1


def test_where_cost_counts_it_is_taken_off_what_was_judged_and_must_be_known() -> None:
    a_learned_policy(share=0.3, cost_quality=0.5)
    explored_requests(6, NOW_MS, {"cheap": 1.0, "dear": 1.0})
    RoutedRequest.objects.filter(id__endswith="0").update(cost_nusd=None)
    # At this knob a dollar outweighs one right answer; the others cost a twentieth of a cent.
    RoutedRequest.objects.filter(id__endswith="1").update(cost_nusd=1_000_000_000)
    found = traffic_look(PREFERS_DEAR, PREFERS_CHEAP, (), NOW_MS)

    assert (found.rows, found.left_out["unpriced"]) == (5, 1)
    assert found.challenger is not None and found.challenger.logged is not None
    assert found.challenger.logged.value == pytest.approx((4 * (1.0 - 0.0005) + 0.0) / 5, abs=1e-3)
