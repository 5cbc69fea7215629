"""Feedback without HTTP: what is journalled, and which id it gets."""

from __future__ import annotations

import pytest

from routerapp.serving.feedback import give_feedback
from routerapp.serving.identifiers import made_at_ms, make_id
from routerapp.serving.served import Refused
from tests.runtimes import START_MS, a_runtime, journal_of

ID = make_id(START_MS, lambda bits: 3)


@pytest.mark.parametrize(
    ("document", "kind", "value", "label", "comment"),
    [
        ({"rating": 1}, "rating", 1.0, "", ""),
        ({"kind": "rating", "value": 0.25, "comment": "meh"}, "rating", 0.25, "", "meh"),
        ({"boolean": True}, "boolean", 1.0, "", ""),
        ({"label": "wrong_language"}, "label", None, "wrong_language", ""),
        ({"comment": "Thank you"}, "comment", None, "", "Thank you"),
        ({"kind": "comment", "value": "Thanks"}, "comment", None, "", "Thanks"),
    ],
)
def test_each_form_is_journalled(tmp_path, document, kind, value, label, comment):
    runtime = a_runtime(tmp_path)

    given = give_feedback(runtime, {"decision_id": ID} | document, "app")

    assert journal_of(runtime) == [given]
    assert (given.kind, given.value, given.label, given.comment) == (kind, value, label, comment)


def test_the_idempotency_key_counts_per_source_and_decision(tmp_path):
    runtime = a_runtime(tmp_path)
    other = make_id(START_MS, lambda bits: 4)

    def id_of(source: str, decision: str, key: str | None) -> str:
        return give_feedback(runtime, {"decision_id": decision, "rating": 1}, source, key).id

    assert id_of("a", ID, "k") == id_of("a", ID, "k")
    assert len({id_of("a", ID, "k"), id_of("b", ID, "k"), id_of("a", other, "k"), id_of("a", ID, None)}) == 4


def test_a_decision_from_the_future_is_refused(tmp_path):
    with pytest.raises(Refused, match="future"):
        give_feedback(
            a_runtime(tmp_path), {"decision_id": make_id(START_MS + 120_000, lambda b: 1), "rating": 1}, "app"
        )


def test_ids_tell_their_age_and_sort_by_it():
    early, late = make_id(START_MS, lambda bits: (1 << bits) - 1), make_id(START_MS + 1, lambda bits: 0)

    assert early < late
    assert made_at_ms(early) == START_MS
    assert made_at_ms("0" * 36) is None
