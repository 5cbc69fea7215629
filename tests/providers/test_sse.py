"""Splitting a byte stream into events, however it was cut into packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.providers.errors import AnswerTooLarge
from routerapp.providers.sse import EventSplitter, data_of


@given(
    texts=st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",))), max_size=6),
    end=st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=9),
)
def test_gives_the_same_events_however_the_bytes_are_cut(texts: list[str], end: str, cuts: list[int]) -> None:
    events = [f"data: {text}{end}".encode() for text in texts]
    stream, splitter, found, position, turn = b"".join(events), EventSplitter(), [], 0, 0
    while position < len(stream):
        step = cuts[turn % len(cuts)]
        found += splitter.feed(stream[position : position + step])
        position, turn = position + step, turn + 1

    assert found == events
    assert splitter.rest() == b""


@pytest.mark.parametrize(
    "stream", [b"data: a\n\ndata: b\n\n", b"data: a\n\n\n", b"\n\n\n\n", b"data: a\n\n\n\ndata: b\n\n"]
)
def test_gives_the_same_events_in_one_packet_as_byte_by_byte(stream: bytes) -> None:
    whole, slow = EventSplitter(), EventSplitter()

    assert whole.feed(stream) == [
        event for place in range(len(stream)) for event in slow.feed(stream[place : place + 1])
    ]
    assert whole.rest() == slow.rest()


def test_keeps_an_unfinished_event_apart() -> None:
    splitter = EventSplitter()

    assert splitter.feed(b"data: a\n\ndata: b") == [b"data: a\n\n"]
    assert splitter.rest() == b"data: b"


def test_one_endless_event_is_refused_before_it_fills_the_memory() -> None:
    splitter = EventSplitter(limit=1000)

    splitter.feed(b"x" * 1000)
    with pytest.raises(AnswerTooLarge):
        splitter.feed(b"x")


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: {}\n\n", b"{}"),
        (b"data:{}\r\n\r\n", b"{}"),
        (b"event: message\ndata: 1\ndata: 2\nid: 7\n\n", b"1\n2"),
        (b"\xef\xbb\xbfdata: {}\n\n", b"{}"),
        (b": keep-alive\n\n", None),
        (b"event: ping\n\n", None),
        (b"\n\n", None),
    ],
)
def test_reads_the_data_of_an_event(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data
