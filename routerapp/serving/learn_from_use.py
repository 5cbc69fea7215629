"""The job that learns from judgements: what came back of live answers becomes scores and the bandit's state. Never on a request's path."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from routerapp.learning.bandit import bandit_state
from routerapp.learning.capabilities import Capabilities, assess
from routerapp.learning.evidence import DIMENSION, TASK, Piece, Pieces, gather
from routerapp.models import FEWEST_JUDGEMENTS, InstallationState, Job
from routerapp.serving.schema_pieces import schema_pieces
from routerapp.store import jobs
from routerapp.store.arena_pieces import arena_pieces
from routerapp.store.check_pieces import check_pieces
from routerapp.store.config_document import unix_ms
from routerapp.store.feedback_pieces import label_values, recent_pieces
from routerapp.store.learned_scores import replace_learned_scores
from routerapp.store.regeneration_pieces import regeneration_pieces
from routerapp.store.revisions import load_config, record_evidence_revision

DIGITS = 2


def learn_from_use(job: Job, now: datetime) -> str:
    """Puts the numbers into the evidence in force, so that decisions name them; what people set by hand still wins over them."""
    now_ms = unix_ms(now)
    pieces = _gathered(now_ms)
    jobs.report_progress(job, 0.3, f"{len(pieces):,} judgements of live answers.")
    if not pieces:
        return "Nobody has judged a live answer yet."
    by_dimension = _assessed(gather(pieces, DIMENSION), now_ms)
    jobs.report_progress(job, 0.5, "Scores per dimension are made.")
    about_tasks = gather(pieces, TASK)
    by_task = _assessed(about_tasks, now_ms)
    jobs.report_progress(job, 0.8, "Scores per task are made.")
    state = bandit_state(about_tasks, now_ms, {})
    with transaction.atomic():
        sha = record_evidence_revision(bandit=state, capabilities=_known(by_dimension))
        replace_learned_scores(by_dimension, by_task, now_ms)
    left_out = f" {len(by_task.quarantined)} voters are left out." if by_task.quarantined else ""
    live = f"Evidence {sha[:12]} is live." if sha else "Nothing new."
    return f"{len(pieces):,} judgements, {len(state)} pairs of task and model.{left_out} {live}"


def _gathered(now_ms: int) -> list[Piece]:
    """From every source there is; their weights stand in learning/evidence.py, SOURCES."""
    dimensions = _task_dimensions()
    return [
        *recent_pieces(now_ms, dimensions, label_values()),
        *check_pieces(now_ms, dimensions),
        *schema_pieces(now_ms, dimensions),
        *regeneration_pieces(now_ms, dimensions),
        *arena_pieces(now_ms, dimensions),
    ]


def _assessed(pieces: Pieces, now_ms: int) -> Capabilities:
    return assess(pieces, now_ms) if len(pieces) else Capabilities((), (), 0)


def _task_dimensions() -> dict[str, str]:
    state = InstallationState.objects.filter(id=1).values_list("config_id", flat=True).first()
    return dict(load_config(state).task_dimensions) if state else {}


def _known(scores: Capabilities) -> dict[str, float]:
    """Only what was judged often enough; "model|dimension" -> posterior mean."""
    counted = [score for score in scores.scores if score.n >= FEWEST_JUDGEMENTS]
    return {f"{score.model}|{score.subject}": round(score.mean, DIGITS) for score in counted}
