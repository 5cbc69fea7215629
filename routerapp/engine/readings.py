"""The values conditions read for one request, in one flat mapping made once: a missing fact is a missing (or None) entry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from routerapp.engine.types import Inputs
from routerapp.engine.vocabulary import WEEKDAYS

Readings = dict[str, Any]


def read_inputs(inputs: Inputs) -> Readings:
    """field -> value; metadata and headers that were stored appear as metadata.<name> and header.<name>."""
    features, facts = inputs.features, inputs.facts
    readings: Readings = {
        "task": features.task,
        "task_confidence": features.task_confidence,
        "complexity": features.complexity,
        "prompt_tokens": features.prompt_tokens,
        "turns": features.turns,
        "language": features.language,
        "has_code": features.has_code,
        "has_math": features.has_math,
        "has_images": features.has_images,
        "wants_tools": features.wants_tools,
        "wants_json": features.wants_json,
        "pii": features.pii,
        "scan_complete": features.scan_complete,
        "tokens_exact": features.tokens_exact,
        "model": facts.model,
        "user": facts.user,
        "key": facts.key,
        "team": facts.team,
        "tags": facts.tags,
        "stream": facts.stream,
        "endpoint": facts.endpoint,
        "max_tokens": facts.max_tokens,
    }
    for name, value in facts.metadata.items():
        readings[f"metadata.{name}"] = value
    for name, value in facts.headers.items():
        readings[f"header.{name}"] = value
    return readings


def add_clock(readings: Readings, now_ms: int, timezone: ZoneInfo) -> None:
    """hour (0 to 23) and weekday (mon to sun) at now_ms in the policy's time zone."""
    local = datetime.fromtimestamp(now_ms // 1000, UTC).astimezone(timezone)
    readings["hour"] = local.hour
    readings["weekday"] = WEEKDAYS[local.weekday()]
