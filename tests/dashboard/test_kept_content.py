"""Kept content and cache on the pages: who may see it, hostile text stays text, what a hit and a lost race look like."""

from __future__ import annotations

import pytest

from routerapp.models import Body
from tests.factories import a_request, an_attempt

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{ 7|add:7 }} \u202egpj.exe'
CHAT = {
    "model": "auto",
    "messages": [
        {"role": HOSTILE, "content": HOSTILE},
        {"role": "user", "content": [{"type": "text", "text": HOSTILE}, {"type": HOSTILE, "is_left_out": True}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": HOSTILE, "arguments": HOSTILE}}]},
        "no message at all",
    ],
    "tools": [{"function": {"name": HOSTILE}}, 3],
    HOSTILE: HOSTILE,
    "temperature": 0.5,
    "signalbox": {"redacted": 2, "is_cut": True},
}
ANSWER = {
    "choices": [
        {"content": HOSTILE, "refusal": HOSTILE, "finish_reason": "stop"},
        {"content": "", "tool_calls": [{"name": HOSTILE, "arguments": "{}"}]},
    ],
    "signalbox": {"redacted": 1, "is_cut": False},
}
pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(signed_in):
    return signed_in("editor")


def test_an_editor_reads_what_was_kept_and_hostile_text_stays_text(editor):
    row = a_request(chat=CHAT, answer=ANSWER)
    page = editor.get(f"/requests/{row.id}/")

    assert page.status_code == 200
    assert "<script>alert(1)" not in page.text
    assert "<img src=x" not in page.text
    assert "{{ 7|add:7 }}" in page.text
    assert "3 pieces of personal data or secrets taken out" in page.text
    assert "cut to what is kept at most" in page.text
    assert "answer 2" in page.text


def test_a_viewer_learns_that_it_is_there_and_no_more(viewer):
    row = a_request(chat={"messages": [{"role": "user", "content": "the secret plan"}]})
    page = viewer.get(f"/requests/{row.id}/")

    assert "the secret plan" not in page.text
    assert "editors may read it" in page.text


def test_nothing_kept_is_said(editor):
    page = editor.get(f"/requests/{a_request().id}/")

    assert "not kept" in page.text
    assert 'id="content"' not in page.text


@pytest.mark.parametrize("document", [[], {}, {"messages": {}}, {"messages": [{"content": 7}]}, "text"])
def test_a_document_of_another_shape_is_no_fault(editor, document):
    row = a_request(chat=document, answer={"choices": []})

    assert editor.get(f"/requests/{row.id}/").status_code == 200
    assert Body.objects.count() == 1


def test_a_cache_hit_says_what_it_saved_and_that_nothing_was_sent(viewer):
    row = a_request(cache="hit", cost_nusd=0, saved_nusd=4_200_000, attempts=0, input_tokens=0, output_tokens=0)
    page = viewer.get(f"/requests/{row.id}/").text

    assert "Saved by the cache" in page
    assert "$0.0042" in page
    assert "answered by small-one before" in page


def test_the_list_can_be_narrowed_to_hits(viewer):
    hit = a_request(cache="hit")
    a_request(cache="miss")
    a_request()

    assert [row.id for row in viewer.get("/requests/?cache=hit").context["page"].rows] == [hit.id]
    assert viewer.get("/requests/?cache=maybe").status_code == 422


def test_a_hedge_that_lost_is_no_failure(viewer):
    row = a_request(attempts=2)
    an_attempt(row, role="primary", status="cancelled")
    an_attempt(row, role="hedge", number=2)
    page = viewer.get(f"/requests/{row.id}/").text

    assert "lost the race" in page
    assert "lane-failed" not in page


def test_warnings_and_moves_are_listed(viewer):
    row = a_request(warnings="dropped:logit_bias,capped:max_tokens", lost_cache_tokens=1_234)
    page = viewer.get(f"/requests/{row.id}/").text

    assert "dropped:logit_bias</code>" in page
    assert "1,234 tokens of prompt cache" in page
