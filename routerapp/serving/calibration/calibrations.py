"""What people do with calibrations: ask for one, confirm its cost, stop it, go on, make the benchmark, delete it. The work is done by jobs.

Imported by pages: nothing here loads arrays or weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from routerapp.engine.money import format_usd
from routerapp.models import (
    AnswerState,
    Calibration,
    CalibrationAnswer,
    CalibrationState,
    Deployment,
    GradingKind,
    JobState,
    Modality,
    Price,
    PromptSource,
)
from routerapp.serving.calibration.choose import CHOOSE, FEWEST_PROMPTS, MOST_PROMPTS
from routerapp.serving.calibration.estimate import stands
from routerapp.serving.calibration.finish import FINISH
from routerapp.serving.calibration.offered import NEEDED, OfferedPrompt, pack
from routerapp.serving.calibration.run import CALIBRATE
from routerapp.serving.changes import find, noting, user_of
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Stale, invalid
from routerapp.store import jobs

FEWEST_MODELS, MOST_MODELS = 2, 20
FEWEST_TOKENS, MOST_TOKENS = 16, 16_384
DEFAULT_PROMPTS, DEFAULT_TOKENS = 300, 1_024
MOST_SEED = 2**31 - 1
MOST_CALIBRATIONS = 200
KINDS = (CHOOSE, CALIBRATE, FINISH)
WORKING = (CalibrationState.CHOOSING, CalibrationState.RUNNING, CalibrationState.FINISHING)
OPEN_JOBS = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class NewCalibration:
    """prompts: where the source is a file. judge: a deployment, where a judge grades."""

    source: str
    grading: str
    deployments: Sequence[str]
    prompts: Sequence[OfferedPrompt] = ()
    judge: str = ""
    wanted: int = DEFAULT_PROMPTS
    max_output_tokens: int = DEFAULT_TOKENS
    seed: int = 0


def create_calibration(wanted: NewCalibration, *, by: Actor) -> Calibration:
    """The row, and a job that chooses its prompts and works out what it costs. Nothing is asked of any model before start_calibration."""
    with noting(by, "calibrate", "calibration", event="create_calibration") as change:
        _check(wanted)
        if Calibration.objects.count() >= MOST_CALIBRATIONS:
            raise invalid("", "too_many", f"There are {MOST_CALIBRATIONS} calibrations; delete one first.")
        row = Calibration.objects.create(
            name=_name(),
            source=wanted.source,
            grading=wanted.grading,
            deployments=list(wanted.deployments),
            judge=wanted.judge if wanted.grading == GradingKind.JUDGE else "",
            wanted=wanted.wanted,
            max_output_tokens=wanted.max_output_tokens,
            seed=wanted.seed,
            offered=pack(list(wanted.prompts)) if wanted.source == PromptSource.FILE else None,
            created_by=user_of(by),
        )
        _work(row, CHOOSE)
        change.subject = f"calibration:{row.pk}"
        change.after = {
            "source": row.source,
            "grading": row.grading,
            "deployments": row.deployments,
            "judge": row.judge,
            "prompts": row.wanted,
            "max_output_tokens": row.max_output_tokens,
        }
    return row


def start_calibration(calibration_id: int, ceiling_nusd: int, *, by: Actor) -> Calibration:
    """Confirms exactly the amount that was shown. Raises Stale where prices have changed since: it is worked out anew then."""
    with noting(by, "calibrate", f"calibration:{calibration_id}", event="start_calibration") as change:
        row = locked(calibration_id)
        if row.state != CalibrationState.ESTIMATED:
            raise invalid(
                "", "not_estimated", "It waits for nobody's word: its cost has not been worked out, or was confirmed."
            )
        expected = row.estimate["ceiling_nusd"]
        if ceiling_nusd != expected:
            words = f"It costs at most ${format_usd(expected)}; confirm exactly that amount."
            raise invalid("ceiling_usd", "not_the_amount", words)
        is_current = stands(row, timezone.now())
        if is_current:
            row.ceiling_nusd, row.state, row.problem = ceiling_nusd, CalibrationState.RUNNING, ""
            _work(row, CALIBRATE)
            change.after = {"ceiling_nusd": ceiling_nusd, "calls": row.estimate["calls"], "job": row.job_id}
        else:
            row.state = CalibrationState.CHOOSING
            _work(row, CHOOSE)
            change.after = {"prices_changed": True}
    if not is_current:
        raise Stale(None, "Prices have changed since. What it costs is worked out anew; look at it again.")
    return row


def estimate_again(calibration_id: int, *, by: Actor) -> Calibration:
    """For one that stopped: what the rest costs is worked out, and waits for a person's word."""
    with noting(by, "calibrate", f"calibration:{calibration_id}", event="estimate_calibration") as change:
        row = locked(calibration_id)
        if state_of(row) not in (CalibrationState.STOPPED, CalibrationState.ESTIMATED):
            raise invalid("", "not_stopped", "Only a calibration that has stopped can go on.")
        row.state, row.problem = CalibrationState.CHOOSING, ""
        _work(row, CHOOSE)
        change.after = {"spent_nusd": row.spent_nusd, "job": row.job_id}
    return row


def stop_calibration(calibration_id: int, *, by: Actor) -> Calibration:
    """Calls that run are waited for and kept; nothing more is asked."""
    with noting(by, "calibrate", f"calibration:{calibration_id}", event="stop_calibration") as change:
        row = locked(calibration_id)
        if state_of(row) not in WORKING or row.job_id is None or not jobs.cancel(row.job_id):
            raise invalid("", "not_running", "It is not running.")
        change.after = {"job": row.job_id, "spent_nusd": row.spent_nusd}
    row.refresh_from_db()
    return row


def finish_calibration(calibration_id: int, *, by: Actor) -> Calibration:
    """A benchmark of what is graded by now; the rest stays unknown."""
    with noting(by, "calibrate", f"calibration:{calibration_id}", event="finish_calibration") as change:
        row = locked(calibration_id)
        if state_of(row) not in (CalibrationState.STOPPED, CalibrationState.GRADING):
            raise invalid("", "not_now", "A benchmark is made of a calibration that has stopped, or that people grade.")
        if not graded_of(row):
            raise invalid("", "nothing_graded", "No answer is graded yet.")
        send_to_finish(row)
        change.after = {"graded": graded_of(row), "job": row.job_id}
    return row


def delete_calibration(calibration_id: int, *, by: Actor) -> None:
    """Its prompts and answers go; the benchmark made of it, what was recorded of its calls and this event stay."""
    with noting(by, "calibrate", f"calibration:{calibration_id}", event="delete_calibration") as change:
        row = locked(calibration_id)
        if state_of(row) in WORKING:
            raise invalid("", "still_running", "Stop it first.")
        change.before = {"name": row.name, "spent_nusd": row.spent_nusd, "benchmark": row.benchmark}
        row.delete()


def state_of(row: Calibration) -> str:
    """As it stands, also where its job ended without a word: was cancelled while it waited, broke, or is forgotten."""
    is_over = row.job is None or row.job.state not in OPEN_JOBS
    return CalibrationState.STOPPED if row.state in WORKING and is_over else row.state


def problem_of(row: Calibration) -> str:
    """Why it stands."""
    if row.state in WORKING and state_of(row) == CalibrationState.STOPPED:
        return (row.job.message if row.job else "") or "Its job has ended before the work was done."
    return row.problem


def graded_of(row: Calibration) -> int:
    return CalibrationAnswer.objects.filter(prompt__calibration=row, state=AnswerState.GRADED).count()


def send_to_finish(row: Calibration) -> None:
    row.state = CalibrationState.FINISHING
    _work(row, FINISH)


def locked(calibration_id: int) -> Calibration:
    """The row, for whoever changes it; raises Missing. The frame of the write holds the lock of the installation."""
    rows = Calibration.objects.select_related("job").defer("offered")
    return find(rows, "calibration", pk=calibration_id)


def candidates(modality: str = Modality.CHAT) -> list[Deployment]:
    """Deployments that can be asked: on, for chats, with a price."""
    priced = Price.objects.values("deployment")
    rows = Deployment.objects.filter(
        archived_at=None,
        is_enabled=True,
        provider__is_enabled=True,
        provider__archived_at=None,
        language_model__modality=modality,
        pk__in=priced,
    )
    return list(rows.select_related("language_model", "provider").order_by("language_model__slug", "slug"))


def _work(row: Calibration, kind: str) -> None:
    row.job = jobs.enqueue(kind, {"calibration": row.pk}, f"{kind}:{row.pk}", "long")
    row.save(update_fields=["state", "problem", "ceiling_nusd", "job"])


def _name() -> str:
    day = f"Calibration {timezone.now():%Y-%m-%d}"
    number = Calibration.objects.filter(name__startswith=day).count() + 1
    return day if number == 1 else f"{day} ({number})"


def _check(wanted: NewCalibration) -> None:
    if wanted.source not in PromptSource.values:
        raise invalid("source", "unknown_value", f"One of: {', '.join(PromptSource.values)}.")
    if wanted.grading not in GradingKind.values:
        raise invalid("grading", "unknown_value", f"One of: {', '.join(GradingKind.values)}.")
    _check_number("wanted", wanted.wanted, FEWEST_PROMPTS, MOST_PROMPTS)
    _check_number("max_output_tokens", wanted.max_output_tokens, FEWEST_TOKENS, MOST_TOKENS)
    _check_number("seed", wanted.seed, 0, MOST_SEED)
    needed = NEEDED.get(GradingKind(wanted.grading))
    if wanted.source == PromptSource.TRAFFIC and needed not in (None, "schema"):
        words = f"Recent requests say nothing of what is right. Bring prompts with {needed} as JSONL, or choose another grading."
        raise invalid("grading", "needs_prompts", words)
    if wanted.source == PromptSource.FILE and len(wanted.prompts) < FEWEST_PROMPTS:
        words = f"There are {len(wanted.prompts)} different prompts; a calibration needs at least {FEWEST_PROMPTS}."
        raise invalid("prompts", "too_few", words)
    _check_models(wanted)


def _check_number(field: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(field, "out_of_range", f"A whole number from {least:,} to {most:,}.")


def _check_models(wanted: NewCalibration) -> None:
    known = {one.slug: one for one in candidates()}
    if not FEWEST_MODELS <= len(wanted.deployments) <= MOST_MODELS:
        raise invalid("deployments", "bad_number", f"Choose {FEWEST_MODELS} to {MOST_MODELS} deployments.")
    for slug in [*wanted.deployments, *([wanted.judge] if wanted.judge else [])]:
        if slug not in known:
            field = "judge" if slug == wanted.judge and slug not in wanted.deployments else "deployments"
            raise invalid(
                field, "unknown_value", f"{slug[:100]} is no deployment that is on, answers chats and has a price."
            )
    models = [known[slug].language_model_id for slug in wanted.deployments]
    if len(set(models)) < len(models):
        words = "Two of these serve the same language model; one of them says enough about it."
        raise invalid("deployments", "same_model", words)
    if wanted.grading != GradingKind.JUDGE:
        return
    if not wanted.judge:
        raise invalid("judge", "missing", "Choose the deployment that grades.")
    if known[wanted.judge].language_model_id in models:
        words = "A judge prefers its own answers; choose one whose model is not among those that are compared."
        raise invalid("judge", "judges_itself", words)
