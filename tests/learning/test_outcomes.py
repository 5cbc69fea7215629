"""Outcomes: rows and pools are taken whole, in the order asked for."""

import numpy as np
import pytest

from routerapp.learning.outcomes import Outcomes

NAN = float("nan")


@pytest.fixture
def outcomes() -> Outcomes:
    quality = np.array([[1.0, 0.0, NAN], [NAN, 0.5, NAN], [0.0, 1.0, 1.0]])
    labels = ("p0", "p1", "p2")
    return Outcomes(
        labels, labels, labels, ("d",) * 3, ("t",) * 3, ("c",) * 3, ("a", "b", "c"), quality, quality, quality, quality
    )


def test_takes_rows_by_place_and_by_truth(outcomes: Outcomes) -> None:
    assert outcomes.rows([2, 0]).prompt_ids == ("p2", "p0")
    assert outcomes.rows(np.array([False, True, False])).quality[0, 1] == 0.5


def test_a_pool_keeps_its_order_and_drops_prompts_that_nobody_of_it_answered(outcomes: Outcomes) -> None:
    pool = outcomes.pool(["c", "a"])

    assert pool.models == ("c", "a")
    assert pool.prompt_ids == ("p0", "p2")
    assert pool.quality.tolist()[1] == [1.0, 0.0]


def test_says_which_model_is_not_there(outcomes: Outcomes) -> None:
    with pytest.raises(KeyError, match="z"):
        outcomes.pool(["a", "z"])
