"""For tests of calibrations: prompts of three kinds, deployments with prices, and an upstream that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from routerapp.models import Calibration, CalibrationAnswer, Deployment, Job, JobState
from routerapp.providers.base import UpstreamRequest
from routerapp.serving.calibration.calibrations import NewCalibration, create_calibration, start_calibration
from routerapp.serving.calibration.offered import OfferedPrompt, read_objects
from routerapp.serving.calibration.run import run_calibration
from routerapp.serving.run_job import run_job
from routerapp.store import jobs
from tests.factories import a_deployment, a_language_model
from tests.factories import a_snapshot as record_configuration
from tests.serving.actors import EDITOR

KINDS = (
    "What is {} + {}? Give the number.",
    "Write a short poem about {} foxes and {} hens.",
    "Fix this code: def f{}(x): return x {}",
)


def sums(count: int = 24) -> list[dict[str, Any]]:
    """Each asks for a sum and says which one is right."""
    return [{"prompt": KINDS[n % 3].format(n, n + 1), "expected": str(2 * n + 1)} for n in range(count)]


def offered(objects: list[dict[str, Any]] | None = None, grading: str = "expected") -> list[OfferedPrompt]:
    return read_objects(sums() if objects is None else objects, grading)


def three_deployments() -> tuple[Deployment, ...]:
    """good, bad and judge, each of a model with its own name, a dollar in and two out per million tokens."""
    found = tuple(
        a_deployment(slug=slug, language_model=a_language_model(slug=slug)) for slug in ("good", "bad", "judge")
    )
    record_configuration()
    return found


def a_calibration(**fields: Any) -> Calibration:
    """Its prompts chosen and its cost worked out, for good and bad; waits for a word."""
    wanted = {"source": "file", "grading": "expected", "deployments": ["good", "bad"], "wanted": 20}
    if fields.get("source", "file") == "file" and "prompts" not in fields:
        wanted["prompts"] = offered(grading=fields.get("grading", "expected"))
    row = create_calibration(NewCalibration(**wanted | fields), by=EDITOR)
    run_job(row.job_id)
    row.refresh_from_db()
    return row


def started(**fields: Any) -> tuple[Calibration, Job]:
    """Confirmed, its job waiting."""
    row = a_calibration(**fields)
    row = start_calibration(row.pk, row.estimate["ceiling_nusd"], by=EDITOR)
    job = Job.objects.get(pk=row.job_id)
    return row, job


def a_queue(text: str, **fields: Any) -> Calibration:
    """A calibration whose every text is this one: one answer is graded, the other waits for people."""
    rows = {"name": text, "state": "grading", "source": "file", "grading": "people", "deployments": [text, "big"]}
    rows |= {"wanted": 20, "max_output_tokens": 100, "coverage": {"offered": 1, "chosen": 1, "clusters": 1}}
    row = Calibration.objects.create(**rows | fields)
    messages = [{"role": text, "content": text}, {"role": "user", "content": text}]
    prompt = row.prompts.create(number=1, text=text, document={"messages": messages})
    prompt.answers.create(deployment=text, language_model=text, state="answered", text=text, problem=text)
    prompt.answers.create(deployment="big", language_model="big", state="graded", grade=0.5, cost_nusd=10_000)
    return row


@dataclass
class Says:
    """An upstream. answer(deployment, body) gives the text, the bytes of a whole body, or raises."""

    answer: Callable[[str, Mapping[str, Any]], str | bytes]
    usage: Mapping[str, int] = field(default_factory=lambda: {"prompt_tokens": 20, "completion_tokens": 5})
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200

    async def open(self, request: UpstreamRequest, connect_ms: int) -> Whole:
        body = json.loads(request.body)
        self.asked.append((request.target.deployment, body))
        text = self.answer(request.target.deployment, body)
        if isinstance(text, bytes):
            return Whole(text, self.status)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return Whole(json.dumps({"model": "m", "choices": [choice], "usage": self.usage}).encode(), self.status)

    async def close(self) -> None:
        return None


class Whole:
    """An answer that is all here."""

    headers: Mapping[str, str] = {"content-type": "application/json"}
    connect_ms = None

    def __init__(self, body: bytes, status: int) -> None:
        self.body = body
        self.status = status

    async def read(self, limit: int) -> bytes:
        return self.body

    def whole(self) -> bytes:
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def close(self) -> None:
        return None

    def abort(self) -> None:
        return None


def last_user(body: Mapping[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def right_sum(body: Mapping[str, Any]) -> str:
    """What sums() expects of this prompt."""
    return next(one["expected"] for one in sums(60) if one["prompt"] == last_user(body))


def knows(deployment: str, body: Mapping[str, Any]) -> str:
    """good is right, bad is not, and the judge sees which of them it reads."""
    if deployment == "judge":
        return '{"grade": 0.9}' if "The answer is" in last_user(body) else '{"grade": 0.2}'
    return f"The answer is {right_sum(body)}." if deployment == "good" else "No idea."


def ran(row: Calibration, job: Job, says: Says, **options: Any) -> tuple[Calibration, str]:
    """What the worker does with a job, with another upstream; the row as it is then, and the job's sentence."""
    claimed = jobs.claim(job.pk)
    assert claimed is not None
    message, _ = run_calibration(claimed, timezone.now(), transport=says, **options)
    jobs.finish(claimed, JobState.DONE, message)
    return Calibration.objects.get(pk=row.pk), message


def answers(row: Calibration, **where: Any) -> QuerySet[CalibrationAnswer]:
    return CalibrationAnswer.objects.filter(prompt__calibration=row, **where)
