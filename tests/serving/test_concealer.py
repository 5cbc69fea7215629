"""Our credential never passes in what an upstream sends back, however its packets are cut."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.serving.concealer import Concealer, concealed, concealer_for

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


@pytest.mark.parametrize("credential", [SECRET, "planted+Other/credential=43", 'with"quote&more\\of<it>'])
@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps,
        lambda text: json.dumps(text).replace("/", "\\/"),
        lambda text: "".join(f"\\u{ord(c):04X}" if c in "<>&'+`" else c for c in json.dumps(text)),
        lambda text: "".join(f"\\u{ord(c):04x}" if c in "<>&='" else c for c in json.dumps(text)),
        lambda text: quote(text, safe=""),
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
        lambda text: base64.b64encode(f"Bearer  {text}".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"x:{text}:".encode()).decode(),
    ],
)
def test_other_spellings_are_found_as_well(credential, spelled):
    """However an encoder wrote it, and wherever the packet was cut, no run of it long enough to be of use passes."""
    text = f"data: {spelled(credential)}\n\n".encode()
    for cut in range(1, len(text)):
        concealer = Concealer(credential)
        seen = concealer.packet(text[:cut]) + concealer.packet(text[cut:]) + concealer.rest()

        assert "…".encode() in seen
        assert len(seen) < 30 and Concealer(credential).packet(seen) == seen


def test_mixed_escapes_are_found_too():
    """As JSON of one library inside the HTML page of another."""
    concealer = Concealer("planted/Azure+key=61&x")
    text = rb'{"a": "planted\/Azure\u002Bkey\u003d61&amp;x", "b": "planted%2fAzure%2Bkey&#61;61\u0026x"}'

    assert concealer.packet(text) == '{"a": "…", "b": "…"}'.encode()


def test_a_cut_text_loses_a_telling_part_of_the_credential_and_no_innocent_letter():
    assert concealed(f"Your key is {SECRET[:12]}", SECRET) == "Your key is …"
    assert concealed("gpt-4.1-cs", SECRET) == "gpt-4.1-cs"


def test_headers_are_searched_too():
    concealer = Concealer(SECRET)
    innocent = {"content-type": "application/json"}

    assert concealer.headers(innocent) is innocent
    assert concealer.headers({"location": f"https://x/?key={SECRET}"}) == {"location": "https://x/?key=…"}
