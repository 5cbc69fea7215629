"""The studies of learning from use on real outcomes, a few runs of each: needs the routing data beside the repository."""

import pytest

from benchmarks.learning_coverage import off_policy, refusals
from benchmarks.learning_outcomes import FOLDER, answers, is_there

pytestmark = pytest.mark.skipif(not is_there(), reason=f"the routing data are not in {FOLDER}")


@pytest.fixture(scope="module")
def data():
    return answers("reasoning-gym")


def test_takes_only_prompts_that_every_model_answered(data):
    assert data.quality.shape == data.cost_usd.shape and data.quality.shape[1] == 6
    assert data.quality.min() >= 0 and data.quality.max() <= 1 and data.cost_usd.min() > 0
    assert len(data.categories) == int(data.category.max()) + 1


def test_off_policy_values_come_near_the_truth_and_the_model_alone_does_not(data):
    figures = off_policy(data, runs=6, draws=200)
    bias = {name: abs(float(figures[name].rsplit(" ", 1)[1])) for name in ("doubly_robust", "direct")}

    assert figures["refused"] == "0"
    assert bias["doubly_robust"] < 0.02 and bias["doubly_robust"] < bias["direct"] / 2


def test_small_logs_are_refused(data):
    assert refusals(data, 5) == {"500 rows, a tenth explored: too_few_effective": "5 of 5"}
