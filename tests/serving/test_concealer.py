"""Our credential never passes in what an upstream sends back, however its packets are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.serving.concealer import Concealer, concealer_for

SECRET = "sk-planted-credential-0001"


def passed(pieces: list[bytes]) -> bytes:
    concealer = Concealer(SECRET)
    return b"".join(concealer.packet(piece) for piece in pieces) + concealer.rest()


@pytest.mark.parametrize("credential", [None, "", "short"])
def test_nothing_is_looked_for_without_a_credential_worth_it(credential):
    assert concealer_for(credential) is None


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_credential_cut_anywhere_does_not_pass(cut):
    text = b"before " + SECRET.encode() + b" after"

    assert passed([text[: 7 + cut], text[7 + cut :]]) == "before … after".encode()


@given(
    st.lists(st.sampled_from([SECRET, SECRET[:5], SECRET[5:], "s", "k-", "data: {}\n\n", "héllo"]), max_size=8),
    st.lists(st.integers(0, 120), max_size=6),
)
def test_what_is_no_credential_passes_unchanged_whatever_the_cuts(words, cuts):
    whole = "".join(words).encode()
    edges = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    pieces = [whole[a:b] for a, b in pairwise(edges)]

    assert passed(pieces) == whole.replace(SECRET.encode(), "…".encode())
    assert SECRET.encode() not in passed(pieces)


def test_whole_events_are_never_kept_back():
    concealer = Concealer(SECRET)

    assert concealer.packet(b"data: sk-\n\n") == b"data: sk-\n\n"
    assert concealer.packet(b'{"s": "k"}') == b'{"s": "k"}'


def test_headers_are_searched_too():
    concealer = Concealer(SECRET)
    innocent = {"content-type": "application/json"}

    assert concealer.headers(innocent) is innocent
    assert concealer.headers({"location": f"https://x/?key={SECRET}"}) == {"location": "https://x/?key=…"}
