"""The job before a calibration: which prompts are asked, so that every kind of them is there, and what that will cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from routerapp.models import Calibration, CalibrationPrompt, CalibrationState, GradingKind, Job, PromptSource
from routerapp.serving.calibration.answers import left_to_ask, prompts_of, write_off_interrupted
from routerapp.serving.calibration.estimate import estimate_of
from routerapp.serving.calibration.offered import OfferedPrompt, unpack
from routerapp.store import jobs
from routerapp.store.config_document import unix_ms
from routerapp.store.kept_prompts import read_kept_prompts
from routerapp.store.snapshot import load_snapshot

CHOOSE = "choose_prompts"
FEWEST_PROMPTS, MOST_PROMPTS = 20, 1_000
RECENT = timedelta(days=30)
MOST_OFFERED = 5_000
_LEFT_OUT = {
    "cut": "kept only in part",
    "tools": "with tools",
    "no_plain_text": "with images, files or tool calls",
    "no_question": "that end in no question",
    "repeated": "asked before in the same words",
    "unreadable": "that cannot be read",
    "no_schema": "that asked for no JSON schema",
}


def run_choice(job: Job, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The body of job `choose_prompts`: chooses where nothing is chosen yet, and estimates what is left to ask. What cannot be is said on the row."""
    row = Calibration.objects.filter(pk=job.arguments.get("calibration"), job=job.pk).first()
    if row is None or row.state != CalibrationState.CHOOSING:
        return "Nothing was asked for.", {}
    try:
        if not row.prompts.exists():
            _choose(row, job, now)
        write_off_interrupted(row)
        jobs.report_progress(job, 0.8, "Working out what it costs.")
        prompts = prompts_of(row)
        left = {slug: [prompts[one] for one in numbers] for slug, numbers in left_to_ask(row).items()}
        row.estimate = estimate_of(row, left, load_snapshot(), now)
    except (ValueError, RuntimeError) as error:
        row.state, row.problem = CalibrationState.STOPPED, str(error)[:1000]
        row.save(update_fields=["state", "problem"])
        return row.problem[:400], {"calibration": row.pk}
    row.state, row.problem = CalibrationState.ESTIMATED, ""
    row.save(update_fields=["state", "problem", "estimate"])
    return f"{len(prompts):,} prompts, {row.estimate['calls']:,} calls.", {"calibration": row.pk}


def _choose(row: Calibration, job: Job, now: datetime) -> None:
    """Raises ValueError for too few prompts, RuntimeError without word vectors."""
    # Weights and arrays are nothing for a worker of quick jobs.
    from routerapp.learning.coverage import cover
    from routerapp.learning.reading import read_prompt

    jobs.report_progress(job, 0.1, "Reading the prompts.")
    offered, left_out = _offered(row, now)
    if len(offered) < FEWEST_PROMPTS:
        raise ValueError(_too_few(row, len(offered), left_out))
    import numpy as np

    points = np.stack([read_prompt(one.text).vector for one in offered]).astype(np.float64)
    jobs.report_progress(job, 0.5, "Choosing prompts of every kind.")
    sample = cover(points, row.wanted, row.seed)
    row.coverage = {
        "offered": len(offered),
        "chosen": len(sample.at),
        "clusters": sum(1 for members in sample.members if members),
        "left_out": left_out,
    }
    row.offered = None
    chosen = [offered[place] for place in sample.at]
    with transaction.atomic():
        CalibrationPrompt.objects.bulk_create(
            [
                CalibrationPrompt(calibration=row, number=number, text=one.text, document=one.document)
                for number, one in enumerate(chosen, start=1)
            ],
            batch_size=200,
        )
        row.save(update_fields=["coverage", "offered"])


def _offered(row: Calibration, now: datetime) -> tuple[list[OfferedPrompt], dict[str, int]]:
    if row.source == PromptSource.FILE:
        return unpack(bytes(row.offered or b"")), {}
    found = read_kept_prompts(unix_ms(now - RECENT), MOST_OFFERED)
    prompts = [OfferedPrompt(one["text"], one["messages"], options=one["options"]) for one in found.chats]
    if row.grading == GradingKind.SCHEMA:
        asked = [one for one in prompts if _asks_for_schema(one)]
        found.left_out["no_schema"] = len(prompts) - len(asked)
        prompts = asked
    return prompts, {name: number for name, number in sorted(found.left_out.items()) if number}


def _asks_for_schema(prompt: OfferedPrompt) -> bool:
    asked = prompt.options.get("response_format")
    return isinstance(asked, dict) and asked.get("type") == "json_schema"


def _too_few(row: Calibration, number: int, left_out: Mapping[str, int]) -> str:
    if row.source == PromptSource.FILE:
        return f"There are {number} different prompts; a calibration needs at least {FEWEST_PROMPTS}."
    others = ", ".join(f"{count:,} {_LEFT_OUT[name]}" for name, count in left_out.items())
    words = f"Of the requests of the last {RECENT.days} days whose content is kept, {number} can be asked again; at least {FEWEST_PROMPTS} are needed."
    return f"{words} Left out: {others}." if others else f"{words} Keep content in a policy, or bring prompts as JSONL."


def left_out_words(left_out: Mapping[str, int]) -> str:
    """For the page: 3 with tools, 1 kept only in part."""
    return ", ".join(f"{count:,} {_LEFT_OUT[name]}" for name, count in left_out.items())
