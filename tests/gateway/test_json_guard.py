"""The cheap check before JSON is read."""

from __future__ import annotations

import time

import pytest

from routerapp.gateway.json_guard import MAX_DEPTH, decode_fields
from routerapp.serving.served import Refused


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return b'{"a":' + (opening * depth + closing * depth).encode() + b"}"


def test_takes_the_deepest_allowed_and_refuses_one_more():
    assert decode_fields(nested(MAX_DEPTH - 1))

    with pytest.raises(Refused, match="deeper than 64"):
        decode_fields(nested(MAX_DEPTH))


def test_brackets_inside_text_do_not_count():
    assert decode_fields(b'{"a":"' + b"[{" * 500 + b'\\"' + b"[" * 500 + b'"}')


def test_quotes_inside_of_a_text_are_free():
    assert decode_fields(b'{"a":"' + b'\\"k\\":1,' * 900_000 + b'"}')


def test_mixed_brackets_count_as_levels():
    with pytest.raises(Refused, match="deeper than 64"):
        decode_fields(nested(32, '[{"a":[', "]}]"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"[" * 200_000,
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b"}",
        b'{"a":[' + b"[]," * 299_999 + b"1]}",
        b'{"a":[' + (b"[" * 63 + b"]" * 62 + b",") * 1_600 + b"1]}",
        b'{"a":"' + b"\\[" * 5_000_000,
        b"{" + b",".join(b'"%d":1' % number for number in range(600_000)) + b"}",
        b'{"a":{' + b",".join(b'"%d\\\\":1' % number for number in range(600_000)) + b"}}",
        b'{"a":[' + b'"",' * 3_000_000 + b"1]}",
    ],
)
def test_hostile_bodies_cost_less_than_a_tenth_of_a_second(body):
    begun = time.process_time()
    with pytest.raises(Refused):
        decode_fields(body)

    assert time.process_time() - begun < 0.1
