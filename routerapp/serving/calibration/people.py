"""People's marks: one answer after the other, in an order by chance, without a word of who wrote it. The first mark counts; skipped is unknown."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from routerapp.models import AnswerState, Calibration, CalibrationAnswer, CalibrationState, GradingKind
from routerapp.serving.calibration import answers
from routerapp.serving.calibration.calibrations import locked, send_to_finish, state_of
from routerapp.serving.changes import find, lock_installation_for, user_of
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid

# What the keys 1 to 5 stand for.
MARKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class BlindAnswer:
    """What a person sees. place: where it stands in the queue. before: (who, what) of what stood before the question."""

    id: int
    place: int
    before: tuple[tuple[str, str], ...]
    prompt: str
    text: str
    is_cut: bool


def next_answer(row: Calibration, *, by: Actor, after: int = -1) -> BlindAnswer | None:
    """The next one without a mark, behind this place in the queue; from its beginning again where none is left behind it."""
    require(by, "calibrate")
    waiting = _waiting(row).select_related("prompt").order_by("place", "pk")
    found = waiting.filter(place__gt=after).first() or waiting.first()
    if found is None:
        return None
    messages = found.prompt.document.get("messages", [])[:-1]
    before = tuple((str(one["role"]), str(one["content"])) for one in messages)
    return BlindAnswer(found.pk, found.place, before, found.prompt.text, found.text, found.is_cut)


def progress_of(row: Calibration) -> tuple[int, int]:
    """(with a mark or skipped, all that have an answer)"""
    rows = CalibrationAnswer.objects.filter(prompt__calibration=row)
    done = rows.filter(state__in=(AnswerState.GRADED, AnswerState.SKIPPED)).count()
    return done, done + rows.filter(state=AnswerState.ANSWERED).count()


def grade_answer(calibration_id: int, answer_id: int, grade: float | None, *, by: Actor) -> bool:
    """None skips it. False where it had a mark already: somebody was faster. The last mark makes the benchmark."""
    require(by, "calibrate")
    if grade is not None and not 0 <= grade <= 1:
        raise invalid("grade", "out_of_range", "A mark is a number from 0 to 1, or null to skip.")
    with transaction.atomic():
        lock_installation_for(by, "calibrate")
        row = locked(calibration_id)
        if row.grading != GradingKind.PEOPLE or row.state not in (
            CalibrationState.RUNNING,
            CalibrationState.STOPPED,
            CalibrationState.GRADING,
        ):
            raise invalid("", "not_graded_by_people", "No marks by people are awaited here.")
        answer = find(CalibrationAnswer.objects.filter(prompt__calibration=row), "answer", pk=answer_id)
        is_taken = answers.grade_by_person(answer, grade, user_of(by))
        if is_taken and state_of(row) == CalibrationState.GRADING and not _waiting(row).exists():
            send_to_finish(row)
    return is_taken


def _waiting(row: Calibration) -> QuerySet[CalibrationAnswer]:
    return CalibrationAnswer.objects.filter(prompt__calibration=row, state=AnswerState.ANSWERED)
