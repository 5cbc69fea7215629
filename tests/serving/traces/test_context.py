"""W3C Trace Context: continued where it is valid, ignored where it is not, handed on as a child."""

from __future__ import annotations

import random

import pytest

from routerapp.serving.traces.context import begin_trace

BITS = random.Random(1).getrandbits
GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_trace_is_continued_under_a_span_of_our_own():
    context = begin_trace({"traceparent": GOOD}, 0.0, BITS)

    assert context.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert context.parent_id.hex() == "00f067aa0ba902b7"
    assert context.span_id not in (b"", context.parent_id)
    assert context.is_sampled


def test_a_caller_that_does_not_sample_is_not_sampled():
    assert not begin_trace({"traceparent": GOOD[:-2] + "00"}, 1.0, BITS).is_sampled


def test_a_later_version_is_read_as_far_as_we_know_it():
    assert begin_trace({"traceparent": "01" + GOOD[2:] + "-more"}, 1.0, BITS).parent_id


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        GOOD.upper(),
        "ff" + GOOD[2:],
        GOOD + "-more",
        GOOD[:-3],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        GOOD + "\r\nx: y",
        f"{GOOD}, {GOOD}",
        "00-" + "g" * 32 + "-00f067aa0ba902b7-01",
        GOOD * 1_000,
    ],
)
def test_anything_else_begins_a_new_trace(header):
    context = begin_trace({"traceparent": header}, 1.0, BITS)

    assert context.parent_id == b""
    assert context.trace_id.hex() != "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.25, 400, 600), (1.0, 2_000, 2_000)])
def test_the_share_of_new_traces_that_is_sampled(share, least, most):
    sampled = sum(begin_trace({}, share, BITS).is_sampled for _ in range(2_000))

    assert least <= sampled <= most


def test_each_attempt_has_a_span_id_of_its_own_that_is_always_the_same():
    context = begin_trace({"traceparent": GOOD}, 1.0, BITS)
    ids = {context.attempt_span_id(number, retry) for number in range(5) for retry in range(5)}

    assert len(ids) == 25
    assert context.traceparent(1, 0) == f"00-{context.trace_id.hex()}-{context.attempt_span_id(1, 0).hex()}-01"
