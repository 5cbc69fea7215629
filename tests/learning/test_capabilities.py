"""Capability scores: intervals as wide as they say, provenance, decay, and votes that nobody can stuff."""

import numpy as np
import pytest

from benchmarks import learning_worlds as worlds
from routerapp.learning.capabilities import assess
from routerapp.learning.evidence import DAY_MS, DIMENSION, TASK, Piece, decay, gather
from routerapp.learning.votes import AT_ODDS, BURST, STRANGERS_AT_ODDS

NOW_MS = worlds.NOW_MS


def _bounds(capabilities):
    return np.array([[score.mean, score.low, score.high] for score in capabilities.scores]).T


def _score(pieces, model, subject, kind=DIMENSION, **options):
    found = assess(gather(pieces, kind), NOW_MS, **options)
    return next(score for score in found.scores if (score.model, score.subject) == (model, subject))


def _labels(model, good, n, at_ms=NOW_MS, **fields):
    return [Piece(model, float(at < good), "label", at_ms, dimension="coding", **fields) for at in range(n)]


@pytest.mark.parametrize(
    "world", ["labels, judges and voters", "voters with tastes", "few pieces", "a year that wanders"]
)
def test_intervals_cover_the_truth_as_often_as_they_say(world):
    hits = []
    for seed in range(12):
        rng = np.random.Generator(np.random.PCG64(seed))
        half_life = 60.0
        if world == "a year that wanders":
            half_life = 10.0
            truth, pieces = worlds.wandering(rng, 5, 3, half_life, 1)
        else:
            truth = worlds.scores(rng, 10, 5)
            taste, per_cell = 0.06 * (world == "voters with tastes"), 8.0 if world == "few pieces" else 40.0
            pieces = worlds.evidence(rng, truth, per_cell, taste=taste)
        _, low, high = _bounds(assess(pieces, NOW_MS, half_life))
        hits.append(np.mean((low <= truth.ravel()) & (truth.ravel() <= high)))

    # 93 to 97 % in the 500 runs of the benchmark; 12 runs of correlated cells are sure to about two points.
    assert 0.91 <= float(np.mean(hits)) <= 0.99


@pytest.mark.parametrize("attack", worlds.ATTACKS)
def test_a_tenth_of_poisoned_votes_moves_no_score_by_more_than_its_interval(attack):
    for seed in range(3):
        rng = np.random.Generator(np.random.PCG64(seed))
        clean = worlds.evidence(rng, worlds.scores(rng, 8, 4), per_cell=100, days=30, taste=0.05)
        before = assess(clean, NOW_MS)
        after = assess(worlds.poisoned(rng, clean, attack), NOW_MS)
        means, low, high = _bounds(before)

        assert np.all(np.abs(_bounds(after)[0] - means) <= (high - low) / 2)
        assert not before.quarantined
        assert {one.reason for one in after.quarantined} <= {AT_ODDS, BURST, STRANGERS_AT_ODDS}


def test_without_screening_the_same_votes_would_move_scores_further():
    rng = np.random.Generator(np.random.PCG64(0))
    clean = worlds.evidence(rng, worlds.scores(rng, 8, 4), per_cell=100, days=30)
    hostile = worlds.poisoned(rng, clean, "voters like others")
    _, low, high = _bounds(assess(clean, NOW_MS))
    plain = [np.bincount(p.cell, p.value) / np.maximum(np.bincount(p.cell), 1) for p in (clean, hostile)]

    assert np.max(np.abs(plain[1] - plain[0]) / ((high - low) / 2)) > 1.5


def test_a_voter_at_odds_is_left_out_with_the_numbers():
    rng = np.random.Generator(np.random.PCG64(4))
    clean = worlds.evidence(rng, worlds.scores(rng, 8, 4), per_cell=100, days=30)
    found = assess(worlds.poisoned(rng, clean, "heavy voters", 0.05), NOW_MS).quarantined

    assert {one.voter for one in found} == {"x00000", "x00001", "x00002"}
    assert all(abs(one.detail["mean"] - one.detail["others"]) > 0.2 and one.votes > 10 for one in found)


def test_a_voter_counts_only_so_often_a_day():
    votes = [Piece("a", 1.0, "rating", NOW_MS - at, task="code", voter="v") for at in range(300)]
    found = assess(gather(votes, TASK), NOW_MS)

    assert found.rate_limited >= 200


def test_scores_say_what_they_rest_on():
    benchmark = Piece("a", 0.8, "benchmark", NOW_MS - DAY_MS, dimension="coding", count=400)
    score = _score([*_labels("a", 40, 50), benchmark, *_labels("b", 10, 50)], "a", "coding")

    assert score.n == 450 and score.newest_ms == NOW_MS
    assert set(score.shares) == {"label", "benchmark"} and sum(score.shares.values()) == pytest.approx(1, abs=1e-3)
    # A benchmark of 400 prompts stands for 200 at most.
    assert 50 < score.effective < 260
    assert 0 < score.prior_share < 0.5


def test_strengths_of_an_arena_are_one_piece_that_no_cap_cuts():
    arena = [Piece(model, win, "arena", NOW_MS, dimension="chat", count=300) for model, win in (("a", 0.7), ("b", 0.3))]
    score = _score(arena, "a", "chat")

    assert score.effective > 100 and score.shares == {"arena": 1.0}
    assert 0.6 < score.low < score.mean < score.high < 0.78


def test_little_evidence_leans_on_the_model_and_the_pool():
    pieces = [*_labels("a", 90, 100), *_labels("b", 50, 100)]
    pieces += [Piece(model, 0.0, "label", NOW_MS, dimension="math") for model in ("a", "b")]
    few, pool = _score(pieces, "a", "math"), _score(pieces, "b", "math")

    assert few.mean > pool.mean
    assert few.high - few.low > 0.3 and few.prior_share > 0.5


def test_old_evidence_fades_and_its_interval_widens():
    fresh = _score([*_labels("a", 80, 100), *_labels("b", 20, 100)], "a", "coding")
    old = _score([*_labels("a", 80, 100, NOW_MS - 180 * DAY_MS), *_labels("b", 20, 100)], "a", "coding")

    assert old.effective == pytest.approx(fresh.effective / 8, rel=0.2)
    assert old.high - old.low > fresh.high - fresh.low
    assert decay(np.array([30 * DAY_MS]), 30).tolist() == [0.5]


def test_a_late_rating_is_as_old_as_the_answer_it_speaks_of():
    late = _score(_labels("a", 80, 100, lag_ms=60 * DAY_MS), "a", "coding")

    assert late.effective == pytest.approx(50, rel=0.05)


def test_a_new_version_of_a_model_starts_anew():
    pieces = [*_labels("a", 0, 100, NOW_MS - 2 * DAY_MS), *_labels("b", 50, 100)]
    before, after = _score(pieces, "a", "coding"), _score(pieces, "a", "coding", since_ms={"a": NOW_MS - DAY_MS})

    assert before.high < 0.15
    assert after.n == 0 and after.prior_share == 1 and after.high > 0.4


def test_an_empty_pool_with_names_gets_the_widest_scores():
    found = assess(gather([], DIMENSION, ["a"], ["coding"]), NOW_MS)

    assert found.scores[0].low < 0.1 and found.scores[0].high > 0.9
    assert found.means() == {"a|coding": pytest.approx(0.5, abs=0.01)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": 1.2}, "0 to 1"),
        ({"source": "rumour"}, "no source"),
        ({"dimension": ""}, "dimension, a task"),
        ({"weight": -1.0}, "not negative"),
    ],
)
def test_says_what_is_wrong_with_a_piece(fields, message):
    with pytest.raises(ValueError, match=message):
        Piece(**{"model": "a", "value": 1.0, "source": "label", "at_ms": 0, "dimension": "coding", **fields})
