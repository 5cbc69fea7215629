"""The job that asks: every chosen prompt of every candidate, each answer marked and kept when it arrives, never beyond the confirmed ceiling.

One thread drives: while it writes rows nothing runs, while calls run it waits. A process that starts again goes on with what is missing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from routerapp.engine.chat import Chat
from routerapp.engine.money import format_usd
from routerapp.models import Calibration, CalibrationState, GradingKind, Job
from routerapp.providers.base import Transport
from routerapp.serving.calibration import answers
from routerapp.serving.calibration.finish import make_benchmark
from routerapp.serving.calibration.marks import mark
from routerapp.serving.calibration.questions import (
    CannotBeAsked,
    Place,
    judges_question,
    most_nusd,
    place_of,
    question,
)
from routerapp.serving.calibration.upstream import CALL_SECONDS, Answered, Upstreams, open_upstreams
from routerapp.serving.second_opinions import grade_in
from routerapp.store import jobs
from routerapp.store.config_document import unix_ms
from routerapp.store.snapshot import Snapshot, load_snapshot

CALIBRATE = "calibrate"
AT_ONCE, AT_ONCE_EACH = 8, 3
WAIT_SECONDS = 1.0


def run_calibration(
    job: Job, now: datetime, *, transport: Transport | None = None, seconds: float = CALL_SECONDS
) -> tuple[str, Mapping[str, Any]]:
    """The body of job `calibrate`: a sentence, and the calibration's number. Raises JobCancelled when somebody stops it."""
    row = Calibration.objects.filter(pk=job.arguments.get("calibration"), job=job.pk).first()
    if row is None or row.state != CalibrationState.RUNNING or row.ceiling_nusd is None:
        return "Nothing was asked for.", {}
    answers.write_off_interrupted(row)
    snapshot = load_snapshot()
    found = {"calibration": row.pk}
    try:
        with open_upstreams(snapshot, transport, seconds) as upstreams:
            run = Run(row, job, upstreams, snapshot, now)
            problem = run.to_end()
    except jobs.JobCancelled as cancelled:
        _stop(row, "Stopped on request. Every answer that came is kept.")
        raise jobs.JobCancelled(str(cancelled)) from None
    except CannotBeAsked as error:
        problem = str(error)
    if problem:
        _stop(row, problem)
        return problem[:400], found
    if row.grading == GradingKind.PEOPLE:
        _set(row, CalibrationState.GRADING)
        return f"{run.kept:,} answers wait for people.", found
    return make_benchmark(row, now), found


@dataclass(frozen=True, slots=True)
class Call:
    """One call that runs or is to come. answer_id: of the answer that the judge is asked about, 0 for a candidate's call."""

    number: int
    deployment: str
    chat: Chat
    held_nusd: int
    answer_id: int = 0
    asked: Chat | None = None


class Run:
    """to_end gives the reason why it stopped before the end; empty where nothing is left."""

    def __init__(self, row: Calibration, job: Job, upstreams: Upstreams, snapshot: Snapshot, now: datetime) -> None:
        self._row = row
        self._job = job
        self._upstreams = upstreams
        self._prompts = answers.prompts_of(row)
        left = answers.left_to_ask(row)
        self._places = {slug: place_of(slug, snapshot, unix_ms(now)) for slug in row.deployments}
        self._judge: Place | None = place_of(row.judge, snapshot, unix_ms(now)) if row.judge else None
        self._todo = {slug: deque(numbers) for slug, numbers in left.items()}
        self._judging: deque[tuple[int, int, str, Chat, str]] = deque()
        self._running: dict[asyncio.Task[Answered], Call] = {}
        self._again: set[tuple[int, str]] = set()
        self._is_full = False
        self.total = len(self._prompts) * len(row.deployments)
        self.kept = self.total - sum(map(len, left.values()))
        for answer in answers.left_to_judge(row):
            chat = self._question(answer.prompt.number, answer.deployment)
            self._judging.append((answer.pk, answer.prompt.number, answer.deployment, chat, answer.text))

    def to_end(self) -> str:
        """Raises JobCancelled, after what was paid for has arrived."""
        cancelled: jobs.JobCancelled | None = None
        while True:
            if cancelled is None:
                self._start_more()
            if not self._running:
                break
            for task in self._upstreams.wait(set(self._running), WAIT_SECONDS):
                self._keep(self._running.pop(task), task.result())
            try:
                jobs.report_progress(self._job, 0.99 * self.kept / max(1, self.total), self._words())
            except jobs.JobCancelled as stopped:
                cancelled = stopped
        if cancelled is not None:
            raise cancelled
        return self._ceiling_words() if self._is_full else ""

    def _start_more(self) -> None:
        while len(self._running) < AT_ONCE and not self._is_full and (call := self._next()) is not None:
            held = sum(one.held_nusd for one in self._running.values())
            if self._row.spent_nusd + held + call.held_nusd > (self._row.ceiling_nusd or 0):
                # What runs may turn out cheaper than what is held for it.
                self._is_full = not self._running
                self._put_back(call)
                return
            self._start(call)

    def _next(self) -> Call | None:
        """The judge's calls first, so that what is paid for is whole; then the earliest prompt of whoever has room."""
        if self._judging and self._judge is not None:
            answer_id, number, deployment, chat, text = self._judging.popleft()
            asked = judges_question(chat, text, self._judge)
            return Call(number, deployment, chat, most_nusd(asked, self._judge), answer_id, asked)
        busy = Counter(one.deployment for one in self._running.values())
        ready = [(todo[0], slug) for slug, todo in self._todo.items() if todo and busy[slug] < AT_ONCE_EACH]
        if not ready:
            return None
        number, slug = min(ready)
        self._todo[slug].popleft()
        chat = self._question(number, slug)
        return Call(number, slug, chat, most_nusd(chat, self._places[slug]))

    def _put_back(self, call: Call) -> None:
        if call.answer_id:
            text = answers.text_of(call.answer_id)
            self._judging.appendleft((call.answer_id, call.number, call.deployment, call.chat, text))
        else:
            self._todo[call.deployment].appendleft(call.number)

    def _start(self, call: Call) -> None:
        if call.answer_id:
            answers.begin_judgement(call.answer_id, call.held_nusd)
        else:
            model = self._places[call.deployment].model.slug
            answers.begin_answer(self._row, call.number, call.deployment, model, call.held_nusd)
        self._running[self._upstreams.start(call.asked or call.chat, call.held_nusd)] = call

    def _keep(self, call: Call, answered: Answered) -> None:
        if call.answer_id:
            grade = None if answered.problem else grade_in(answered.text)
            answers.keep_judgement(self._row, call.answer_id, answered, grade)
            return
        prompt, written = self._prompts[call.number], answered.written
        grade = None if written is None else mark(self._row.grading, prompt, call.chat, written)
        answer_id = answers.keep_answer(self._row, call.number, call.deployment, answered, grade)
        key = (call.number, call.deployment)
        if answered.is_passing and key not in self._again:
            # Once more, after all others: what was in the way may be gone then.
            self._again.add(key)
            self._todo[call.deployment].append(call.number)
            return
        self.kept += 1
        if self._judge is not None and not answered.problem:
            self._judging.append((answer_id, call.number, call.deployment, call.chat, answered.text))

    def _question(self, number: int, deployment: str) -> Chat:
        return question(self._prompts[number], self._places[deployment], self._row.max_output_tokens)

    def _words(self) -> str:
        spent, most = format_usd(self._row.spent_nusd), format_usd(self._row.ceiling_nusd or 0)
        return f"{self.kept:,} of {self.total:,} answers. ${spent} of at most ${most}."

    def _ceiling_words(self) -> str:
        most = format_usd(self._row.ceiling_nusd or 0)
        return f"Stopped at the ceiling of ${most}: the next call could have gone beyond it. Every answer that came is kept."


def _stop(row: Calibration, problem: str) -> None:
    row.problem = problem[:1000]
    _set(row, CalibrationState.STOPPED)


def _set(row: Calibration, state: CalibrationState) -> None:
    row.state = state
    row.save(update_fields=["state", "problem"])
