"""Promoting, rolling back, retiring: who may, what the gate says, and that the evidence every worker follows names the right one."""

from __future__ import annotations

import pytest
from django.db import connection

from routerapp.models import AuditEvent, InstallationState, PredictorState, PredictorVersion
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.predictors import promote_predictor, retire_predictor, roll_back_predictor
from routerapp.serving.refusals import Invalid, Missing
from routerapp.store.predictors import BadArtefact, artefact_bytes, keep_predictor
from routerapp.store.revisions import load_evidence, record_evidence_revision
from tests.learned_documents import a_card
from tests.learned_rows import a_predictor
from tests.serving.actors import ADMIN, EDITOR, PUBLISHER

pytestmark = pytest.mark.django_db


def in_force() -> str:
    """What workers read of the live evidence."""
    state = InstallationState.objects.get(id=1)
    return load_evidence(state.evidence_id or "").predictor


def test_the_first_one_needs_nobodys_leave_but_a_publishers_and_keeps_the_other_evidence() -> None:
    record_evidence_revision({"small": 1.25}, {})
    row = a_predictor()
    with pytest.raises(NotAllowed, match="publisher"):
        promote_predictor("ours", 1, by=EDITOR)
    promote_predictor("ours", 1, by=PUBLISHER)

    assert in_force() == row.sha256
    assert load_evidence(InstallationState.objects.get(id=1).evidence_id or "").token_correction == {"small": 1.25}
    event = AuditEvent.objects.get(action="promote_predictor")
    assert (event.before["live"], event.after["live"]) == ("none", "ours@1")
    with pytest.raises(Invalid, match="in force already"):
        promote_predictor("ours", 1, by=PUBLISHER)


def test_one_that_was_not_held_against_the_champion_stays_out() -> None:
    live = a_predictor()
    promote_predictor("ours", 1, by=PUBLISHER)
    a_predictor()
    with pytest.raises(Invalid, match="was not compared with ours@1"):
        promote_predictor("ours", 2, by=PUBLISHER)

    assert in_force() == live.sha256


@pytest.mark.parametrize(("is_better", "passes"), [(True, True), (False, False), (None, False)])
def test_the_gates_verdict_decides(is_better: bool | None, passes: bool) -> None:
    live = a_predictor()
    promote_predictor("ours", 1, by=PUBLISHER)
    row = a_predictor(card=a_card(gate={"champion": live.sha256, "is_better": is_better, "reason": "0.001."}))
    if passes:
        promote_predictor("ours", 2, by=PUBLISHER)
    else:
        with pytest.raises(Invalid, match="not better than ours@1"):
            promote_predictor("ours", 2, by=ADMIN)

    assert in_force() == (row if passes else live).sha256
    assert PredictorVersion.objects.filter(state=PredictorState.LIVE).count() == 1


def test_only_an_admin_with_a_reason_goes_past_the_gate() -> None:
    a_predictor()
    promote_predictor("ours", 1, by=PUBLISHER)
    row = a_predictor()
    with pytest.raises(NotAllowed, match="admin"):
        promote_predictor("ours", 2, by=PUBLISHER, override=True, reason="new prices")
    with pytest.raises(Invalid, match="Say why"):
        promote_predictor("ours", 2, by=ADMIN, override=True, reason=" ")
    promote_predictor("ours", 2, by=ADMIN, override=True, reason="new prices")

    assert in_force() == row.sha256
    event = AuditEvent.objects.filter(action="promote_predictor").latest("id")
    assert (event.after["overridden"], event.reason) == (True, "new prices")


def test_a_roll_back_goes_one_step_each_time_and_then_none_is_in_force() -> None:
    first = a_predictor()
    promote_predictor("ours", 1, by=PUBLISHER)
    a_predictor(card=a_card(gate={"champion": first.sha256, "is_better": True, "reason": ""}))
    promote_predictor("ours", 2, by=PUBLISHER)

    assert str(roll_back_predictor(by=PUBLISHER)) == "ours@1"
    assert in_force() == first.sha256
    retire_predictor("ours", 1, by=PUBLISHER)
    assert in_force() == ""
    with pytest.raises(Invalid, match="No predictor is in force"):
        roll_back_predictor(by=PUBLISHER)


def test_bytes_that_were_changed_are_never_put_in_force() -> None:
    row = a_predictor()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE routerapp_predictorversion SET artefact = %s", [b"other bytes"])
    with pytest.raises(BadArtefact, match="hash"):
        artefact_bytes(row.sha256)
    with pytest.raises(Invalid, match="hash"):
        promote_predictor("ours", 1, by=PUBLISHER)

    assert not InstallationState.objects.filter(evidence__isnull=False).exists()


def test_the_same_bytes_are_kept_once_and_versions_count_up_by_name() -> None:
    first, is_new = keep_predictor("ours", b"one", {}, None)
    again, is_again = keep_predictor("theirs", b"one", {}, None)
    second, _ = keep_predictor("ours", b"two", {}, None)

    assert (is_new, is_again, again.pk) == (True, False, first.pk)
    assert (str(first), str(second)) == ("ours@1", "ours@2")
    with pytest.raises(BadArtefact):
        keep_predictor("ours", b"", {}, None)


def test_what_is_not_there_is_missing() -> None:
    with pytest.raises(Missing):
        promote_predictor("ours", 1, by=PUBLISHER)
