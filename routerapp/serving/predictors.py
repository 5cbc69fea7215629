"""Which predictor speaks: promoted past the champion gate, rolled back, retired. The evidence revision names it, so decisions replay.

An artefact never changes and no version goes away, because recorded decisions name it by its sha256.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from routerapp.models import PredictorState, PredictorVersion
from routerapp.serving.changes import Change, find, noting
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.store.predictors import BadArtefact, artefact_bytes, live_predictor, without_artefacts
from routerapp.store.revisions import record_evidence_revision


def promote_predictor(
    name: str, version: int, *, by: Actor, reason: str = "", override: bool = False
) -> PredictorVersion:
    """Puts it in force on every worker within two seconds. Refused where the gate does not say that it is better than the one in force,
    unless an admin overrides that with a reason."""
    with noting(by, "promote_predictor", f"predictor:{name}@{version}", reason=reason) as change:
        row = _version(name, version)
        if row.state == PredictorState.LIVE:
            raise invalid("state", "already_live", f"{row} is in force already.")
        live, refused = live_predictor(), why_gate_refuses(row)
        if refused and not override:
            raise invalid("gate", "gate_refuses", f"{refused} An admin may promote it all the same, with a reason.")
        if refused:
            require(by, "override_champion_gate")
            if not reason.strip():
                raise invalid("reason", "missing", "Say why it is promoted against the gate's advice.")
        _check_artefact(row)
        before = _put_in_force(row, change, promoted_at=timezone.now())
        said = refused or what_gate_says(row, live) or "passed"
        change.after = {**change.after, "gate": said, "overridden": bool(refused)} if change.after else {}
        change.before = before
    return row


def roll_back_predictor(*, by: Actor, reason: str = "") -> PredictorVersion | None:
    """The one that was in force before is in force again; where there was none, none is, and learned strategies take their default."""
    live = live_predictor()
    subject = f"predictor:{live}" if live else "predictor:none"
    with noting(by, "promote_predictor", subject, event="roll_back_predictor", reason=reason) as change:
        live = live_predictor()
        if live is None:
            raise invalid("state", "none_live", "No predictor is in force.")
        previous = previous_predictor(live)
        if previous is not None:
            _check_artefact(previous)
        change.before = _put_in_force(previous, change)
    return previous


def retire_predictor(name: str, version: int, *, by: Actor, reason: str = "") -> PredictorVersion:
    """A candidate is set aside; the one in force stops speaking, and learned strategies take their default."""
    with noting(
        by, "promote_predictor", f"predictor:{name}@{version}", event="retire_predictor", reason=reason
    ) as change:
        row = _version(name, version)
        if row.state == PredictorState.RETIRED:
            raise invalid("state", "already_retired", f"{row} is retired already.")
        change.before = {"state": row.state}
        if row.state == PredictorState.LIVE:
            _put_in_force(None, change)
        PredictorVersion.objects.filter(pk=row.pk).update(state=PredictorState.RETIRED)
        change.after = {"state": PredictorState.RETIRED.value}
        row.refresh_from_db(fields=["state"])
    return row


def why_gate_refuses(row: PredictorVersion) -> str:
    """What the champion gate says against promoting it now; empty where it says nothing."""
    live = live_predictor()
    gate = row.card.get("gate") or {}
    if live is None or live.pk == row.pk:
        return ""
    if gate.get("champion") != live.sha256:
        return f"It was not compared with {live}, which is in force: evaluate it again."
    return (
        ""
        if gate.get("is_better")
        else f"It is not better than {live} with confidence: {gate.get('reason', '')}".strip()
    )


def what_gate_says(row: PredictorVersion, champion: PredictorVersion | None) -> str:
    """The verdict of this one against that champion in words, both halves; empty where it was never held against it."""
    gate = row.card.get("gate") or {}
    return str(gate.get("reason", "")) if champion is not None and gate.get("champion") == champion.sha256 else ""


def previous_predictor(live: PredictorVersion) -> PredictorVersion | None:
    """What a roll-back would put in force."""
    before = without_artefacts().filter(promoted_at__lt=live.promoted_at).exclude(pk=live.pk)
    return before.order_by("-promoted_at").first()


def _put_in_force(row: PredictorVersion | None, change: Change, promoted_at: datetime | None = None) -> dict[str, str]:
    """The rows' states, and the evidence revision every worker follows. What was in force before.

    A roll-back leaves promoted_at as it was, so that the next one goes further back.
    """
    live = live_predictor()
    PredictorVersion.objects.filter(state=PredictorState.LIVE).update(state=PredictorState.RETIRED)
    if row is not None:
        since = promoted_at or row.promoted_at
        PredictorVersion.objects.filter(pk=row.pk).update(state=PredictorState.LIVE, promoted_at=since)
        row.refresh_from_db(fields=["state", "promoted_at"])
    record_evidence_revision(predictor=row.sha256 if row else "")
    change.after = {"live": str(row) if row else "none", "sha256": row.sha256 if row else ""}
    return {"live": str(live) if live else "none", "sha256": live.sha256 if live else ""}


def _check_artefact(row: PredictorVersion) -> None:
    try:
        artefact_bytes(row.sha256)
    except BadArtefact as error:
        raise invalid("artefact", "bad_hash", str(error)) from error


def _version(name: str, version: int) -> PredictorVersion:
    return find(without_artefacts().filter(version=version), "predictor", name=name)
