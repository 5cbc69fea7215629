"""What a sticky rule needs to find its units again: who answered them, told to the live state after each success."""

from __future__ import annotations

from routerapp.engine.types import Decision, TraceStep
from routerapp.engine.verdicts import Verdict
from routerapp.serving.plan_job import Outcome
from routerapp.serving.route_chat import Prepared
from routerapp.store.live import LiveState

_STICKY = frozenset({Verdict.STICKY_NEW, Verdict.STICKY_KEPT, Verdict.STICKY_MOVED})


def note_served(live: LiveState, prepared: Prepared, outcome: Outcome, now_ms: int) -> int | None:
    """Remembers the deployment that really answered; returns the prompt tokens a moved unit left behind, None where none moved."""
    step = _sticky_step(prepared.decision)
    if step is None or not outcome.attempts:
        return None
    if outcome.is_complete:
        facts, tokens = prepared.inputs.facts, outcome.answered.input_tokens or 0
        for unit in (facts.unit, facts.tenant_unit):
            if unit is not None:
                live.note_served(unit, outcome.deployment, tokens, now_ms)
    if step.verdict != Verdict.STICKY_MOVED:
        return None
    return int(step.because.get("lost_cache_tokens", 0))


def _sticky_step(decision: Decision) -> TraceStep | None:
    return next((step for step in reversed(decision.trace) if step.verdict in _STICKY), None)
