"""A calibration's answers as rows: begun before a call, kept when it has ended, so that nothing is paid for twice and no money is forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from django.db import transaction
from django.db.models import F

from routerapp.models import AnswerState, Calibration, CalibrationAnswer, GradingKind, User
from routerapp.serving.calibration.offered import OfferedPrompt, prompt_of
from routerapp.serving.calibration.upstream import Answered

KEPT_CHARACTERS = 20_000
MOST_TOKENS = 2**31 - 1
MOST_NUSD = 2**53
OPEN = (AnswerState.ASKED, AnswerState.MISSING)


def prompts_of(row: Calibration) -> dict[int, OfferedPrompt]:
    """Number -> the prompt as it is sent."""
    found = row.prompts.order_by("number").values_list("number", "text", "document")
    return {number: prompt_of(text, document) for number, text, document in found}


def left_to_ask(row: Calibration) -> dict[str, list[int]]:
    """Deployment -> numbers of the prompts that it has not answered yet, in order."""
    numbers = list(row.prompts.order_by("number").values_list("number", flat=True))
    rows = CalibrationAnswer.objects.filter(prompt__calibration=row).exclude(state__in=OPEN)
    has = set(rows.values_list("deployment", "prompt__number"))
    return {slug: [one for one in numbers if (slug, one) not in has] for slug in row.deployments}


def left_to_judge(row: Calibration) -> list[CalibrationAnswer]:
    """Answers that wait for the judge."""
    if row.grading != GradingKind.JUDGE:
        return []
    rows = CalibrationAnswer.objects.filter(prompt__calibration=row, state=AnswerState.ANSWERED)
    return list(rows.select_related("prompt").order_by("prompt__number", "deployment"))


@transaction.atomic
def write_off_interrupted(row: Calibration) -> int:
    """Calls that a dead process left behind: nobody knows what they cost, so they count with the most. Returns how many."""
    rows = CalibrationAnswer.objects.filter(prompt__calibration=row, held_nusd__gt=0)
    lost = list(rows.values_list("held_nusd", flat=True))
    if lost:
        words = "The process ended while it was asked."
        rows.filter(state=AnswerState.ASKED).update(state=AnswerState.MISSING, problem=words)
        rows.update(held_nusd=0)
        _spend(row, sum(lost))
    return len(lost)


def begin_answer(row: Calibration, number: int, deployment: str, language_model: str, held_nusd: int) -> None:
    """Before the first byte is sent, so that a dead process leaves a trace of what it may have spent."""
    prompt = row.prompts.only("pk").get(number=number)
    CalibrationAnswer.objects.update_or_create(
        prompt=prompt,
        deployment=deployment,
        defaults={
            "language_model": language_model,
            "state": AnswerState.ASKED,
            "held_nusd": held_nusd,
            "problem": "",
            "place": _place(f"{row.pk}:{row.seed}:{number}:{deployment}"),
        },
    )


def text_of(answer_id: int) -> str:
    return CalibrationAnswer.objects.values_list("text", flat=True).get(pk=answer_id)


def begin_judgement(answer_id: int, held_nusd: int) -> None:
    CalibrationAnswer.objects.filter(pk=answer_id).update(held_nusd=held_nusd)


@transaction.atomic
def keep_answer(row: Calibration, number: int, deployment: str, answered: Answered, grade: float | None) -> int:
    """The row's id. The answer with its mark, if it has one already; a call that failed is missing, never 0."""
    answer = CalibrationAnswer.objects.only("pk").get(
        prompt__calibration=row, prompt__number=number, deployment=deployment
    )
    paid = min(answered.cost_nusd, MOST_NUSD)
    fields: Mapping[str, object] = {"state": AnswerState.MISSING, "problem": answered.problem[:200]}
    if not answered.problem:
        fields = {
            "state": AnswerState.ANSWERED if grade is None else AnswerState.GRADED,
            "text": storable(answered.text)[:KEPT_CHARACTERS],
            "is_cut": answered.is_cut,
            "input_tokens": _tokens(answered.input_tokens),
            "output_tokens": _tokens(answered.output_tokens),
            "cost_nusd": paid,
            "grade": grade,
        }
    CalibrationAnswer.objects.filter(pk=answer.pk).update(held_nusd=0, request_id=answered.request_id, **fields)
    _spend(row, paid)
    return answer.pk


@transaction.atomic
def keep_judgement(row: Calibration, answer_id: int, answered: Answered, grade: float | None) -> None:
    """Without a grade the answer stays ungraded, and says why."""
    words = answered.problem or ("" if grade is not None else "The judge's reply was no grade.")
    fields: dict[str, object] = {"problem": words[:200]}
    if grade is not None:
        fields = {"problem": "", "grade": grade, "state": AnswerState.GRADED}
    CalibrationAnswer.objects.filter(pk=answer_id).update(held_nusd=0, **fields)
    _spend(row, min(answered.cost_nusd, MOST_NUSD))


def grade_by_person(answer: CalibrationAnswer, grade: float | None, person: User | None) -> bool:
    """None skips it. False where somebody else was faster."""
    state = AnswerState.SKIPPED if grade is None else AnswerState.GRADED
    waiting = CalibrationAnswer.objects.filter(pk=answer.pk, state=AnswerState.ANSWERED)
    return bool(waiting.update(state=state, grade=grade, graded_by=person))


def storable(text: str) -> str:
    """Without what a database does not take: NUL, and halves of pairs."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _spend(row: Calibration, nusd: int) -> None:
    Calibration.objects.filter(pk=row.pk).update(spent_nusd=F("spent_nusd") + nusd)
    row.spent_nusd += nusd


def _tokens(count: int | None) -> int | None:
    return None if count is None else min(count, MOST_TOKENS)


def _place(name: str) -> int:
    """Where people meet it: as good as by chance, and the same each time."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
