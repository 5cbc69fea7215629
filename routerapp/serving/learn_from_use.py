"""The job that learns from judgements: what callers thought of live answers becomes scores and the bandit's state. Never on a request's path."""

from __future__ import annotations

from datetime import datetime

from routerapp.learning.bandit import bandit_state
from routerapp.learning.capabilities import Capabilities, assess
from routerapp.learning.evidence import DIMENSION, TASK, gather
from routerapp.models import InstallationState, Job
from routerapp.store import jobs
from routerapp.store.config_document import unix_ms
from routerapp.store.feedback_pieces import recent_pieces
from routerapp.store.revisions import load_config, record_evidence_revision

# Fewer judgements than this say more about who clicked than about the model.
FEWEST = 20
DIGITS = 2


def learn_from_use(job: Job, now: datetime) -> str:
    """Puts the numbers into the evidence in force, so that decisions name them; what people set by hand still wins over them."""
    now_ms = unix_ms(now)
    pieces = recent_pieces(now_ms, _task_dimensions())
    jobs.report_progress(job, 0.3, f"{len(pieces):,} judgements of live answers.")
    if not pieces:
        return "Nobody has judged a live answer yet."
    by_dimension = gather(pieces, DIMENSION)
    scores = assess(by_dimension, now_ms) if len(by_dimension) else Capabilities((), (), 0)
    jobs.report_progress(job, 0.7, "Scores are made.")
    state = bandit_state(gather(pieces, TASK), now_ms, {})
    sha = record_evidence_revision(bandit=state, capabilities=_known(scores))
    left_out = f" {len(scores.quarantined)} voters are left out." if scores.quarantined else ""
    live = f"Evidence {sha[:12]} is live." if sha else "Nothing new."
    return f"{len(pieces):,} judgements, {len(state)} pairs of task and model.{left_out} {live}"


def _task_dimensions() -> dict[str, str]:
    state = InstallationState.objects.filter(id=1).values_list("config_id", flat=True).first()
    return dict(load_config(state).task_dimensions) if state else {}


def _known(scores: Capabilities) -> dict[str, float]:
    """Only what was judged often enough; "model|dimension" -> posterior mean."""
    return {f"{score.model}|{score.subject}": round(score.mean, DIGITS) for score in scores.scores if score.n >= FEWEST}
