"""The part of running a plan that only cascades have: an answer is read whole and checked before anybody gets any of it.

stream = await KeptStream.of(stream)                        # a streamed answer, read to its end
codes = await refusals_of(step, job, answer, ask_beside)    # () where it passes
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from routerapp.engine.answer_checks import ASKING, Check, checks_of
from routerapp.engine.chat import Chat
from routerapp.engine.types import Features, Inputs, PlanStep
from routerapp.providers.base import Reply
from routerapp.serving.answer_acceptance import NOT_ACCEPTED, WrittenAnswer, failed_checks
from routerapp.serving.answer_stream import AnswerStream
from routerapp.serving.plan_job import CHECK, PlanJob
from routerapp.serving.second_opinions import conclusion_of, grade_in, grading, repeated

MOST_STEPS = 5


class KeptStream:
    """A streamed answer that has ended, to be handed out as if it came now. The same face as AnswerStream."""

    def __init__(self, stream: AnswerStream, events: list[bytes]) -> None:
        self._stream = stream
        self._events = events
        self._at = 0

    @classmethod
    async def of(cls, stream: AnswerStream) -> KeptStream:
        """Raises ProviderError where the upstream breaks off; nothing was sent to anybody, so another may be asked."""
        events = []
        while (piece := await stream.next_events()) is not None:
            events.append(piece)
        return cls(stream, events)

    @property
    def data(self) -> bytes:
        return b"".join(self._events)

    @property
    def usage_event(self) -> bytes | None:
        return self._stream.usage_event

    @property
    def last_event(self) -> bytes | None:
        return self._stream.last_event

    async def next_events(self) -> bytes | None:
        if self._at == len(self._events):
            return None
        self._at += 1
        return self._events[self._at - 1]


@dataclass(frozen=True, slots=True)
class Beside:
    """A question that a check asks: of whom, and what. is_own: not the caller's question again, so nothing said of that one holds."""

    deployment: str
    chat: Chat
    is_own: bool = False

    def job(self, job: PlanJob, tried: int, spent_nusd: int, seconds_left: float) -> PlanJob:
        """A plan of one step within what is left of that job's time, money and limits; nothing falls back, nothing is tried again."""
        limits = job.decision.limits
        ceiling = limits.max_cost_nusd
        limits = replace(
            limits,
            retries=0,
            total_ms=max(1, round(seconds_left * 1000)),
            max_cost_nusd=None if ceiling is None else max(0, ceiling - spent_nusd),
            hedge_after_ms=None,
        )
        parameters = {} if self.is_own else job.decision.parameters
        plan = (PlanStep(self.deployment, CHECK),)
        decision = replace(job.decision, plan=plan, limits=limits, parameters=parameters)
        inputs = self._inputs(job.inputs)
        return replace(
            job,
            chat=self.chat,
            decision=decision,
            inputs=inputs,
            effects=(),
            hold=None if job.hold is None else job.hold.beside(self.chat, decision, inputs),
            numbers_after=MOST_STEPS + tried,
        )

    def _inputs(self, inputs: Inputs) -> Inputs:
        """What a model must be able to do for this question: one of ours is plain text, whatever the caller's needs."""
        if not self.is_own:
            return replace(inputs, facts=replace(inputs.facts, stream=False))
        facts = replace(inputs.facts, max_tokens=self.chat.max_tokens, stream=False, needs_json_schema=False)
        features = Features(prompt_tokens=max(1, self.chat.body_bytes // 4), task=inputs.features.task)
        return replace(inputs, features=features, facts=facts, predictions=None)


AskBeside = Callable[[Beside], Awaitable[bytes | None]]


async def refusals_of(
    step: PlanStep, job: PlanJob, answer: Reply | AnswerStream | KeptStream, ask: AskBeside
) -> tuple[str, ...]:
    """Warnings that name the checks this step's answer does not pass, such as not_accepted:schema. What asks again comes last."""
    if not step.accept_if or isinstance(answer, AnswerStream):
        return ()
    is_stream = isinstance(answer, KeptStream)
    written = WrittenAnswer(answer.data if isinstance(answer, KeptStream) else answer.body, is_stream=is_stream)
    checks = checks_of(step.accept_if)
    failed = failed_checks(tuple(check for check in checks if check.kind not in ASKING), job.chat, written)
    if failed:
        return tuple(NOT_ACCEPTED + kind for kind in failed)
    for check in checks:
        if check.kind in ASKING and not await _MAKERS[check.kind](check, step, job, written, ask):
            return (NOT_ACCEPTED + check.kind,)
    return ()


async def _agrees(check: Check, step: PlanStep, job: PlanJob, answer: WrittenAnswer, ask: AskBeside) -> bool:
    """Stops as soon as the share can no longer be reached, or no longer be missed."""
    samples, least = int(check.value["samples"]), float(check.value["least"])
    wanted, same = conclusion_of(answer.text), 1
    for left in range(samples - 1, 0, -1):
        if same / samples >= least:
            return True
        if (same + left) / samples < least:
            return False
        body = await ask(Beside(step.deployment, repeated(job.chat)))
        same += body is not None and conclusion_of(WrittenAnswer(body, is_stream=False).text) == wanted
    return same / samples >= least


async def _is_graded(check: Check, step: PlanStep, job: PlanJob, answer: WrittenAnswer, ask: AskBeside) -> bool:
    """A judge that cannot be asked, or says no grade, has not passed the answer."""
    judge = str(check.value["by"]).partition(":")[2]
    body = await ask(Beside(judge, grading(job.chat, answer.text), is_own=True))
    grade = None if body is None else grade_in(WrittenAnswer(body, is_stream=False).text)
    return grade is not None and grade >= float(check.value["least"])


_MAKERS = {"agrees": _agrees, "judge": _is_graded}
