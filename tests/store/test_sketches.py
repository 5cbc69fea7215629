import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.store.sketches import (
    GAMMA,
    Percentiles,
    bucket_of,
    merged,
    pack_sketch,
    percentiles,
    quantile,
    unpack_sketch,
    value_of,
)

SAMPLES = st.lists(st.integers(min_value=1, max_value=600_000), min_size=1, max_size=400)


def counts(samples: list[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for sample in samples:
        found[bucket_of(sample)] = found.get(bucket_of(sample), 0) + 1
    return found


@given(SAMPLES, st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_at_most_two_percent_off(samples: list[int], share: float) -> None:
    exact = sorted(samples)[max(1, math.ceil(share * len(samples))) - 1]

    assert quantile(counts(samples), share) == pytest.approx(exact, rel=0.02)


@given(SAMPLES, SAMPLES)
def test_buckets_add_up_to_the_sketch_of_all_samples(one: list[int], other: list[int]) -> None:
    packed = [pack_sketch(counts(samples)) for samples in (one, other)]
    added = merged(map(unpack_sketch, packed))

    assert percentiles(added) == percentiles(counts(one + other))


def test_buckets_are_the_documented_ones() -> None:
    assert [bucket_of(value) for value in (0, 1, 1.04, 1.05, 100)] == [0, 0, 1, 2, 118]
    assert value_of(118) == pytest.approx(2 * GAMMA**118 / (GAMMA + 1))


def test_no_samples_have_no_percentiles() -> None:
    assert percentiles({}) == Percentiles(None, None, 0)
