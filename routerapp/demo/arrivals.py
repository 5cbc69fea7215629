"""When the sample requests of thirty days arrive, and who sends what: a seeded draw with a daily and a weekly shape."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import orjson

from routerapp.engine.chat import Chat, RouterExtras

HOUR_MS = 3_600_000
# Relative load by hour of day (UTC) and by weekday, Monday first: office hours in Europe, quiet weekends.
HOURS = (2, 1, 1, 1, 1, 3, 7, 14, 22, 26, 27, 25, 20, 24, 26, 25, 22, 16, 10, 8, 7, 6, 5, 3)
WEEKDAYS = (1.0, 1.08, 1.1, 1.05, 0.9, 0.3, 0.25)
# Use grows over the month.
GROWTH = 0.35
STREAMED_SHARE = 0.25
USERS_PER_TEAM = 40


@dataclass(frozen=True, slots=True)
class Arrival:
    at_ms: int
    team: str
    chat: Chat


def draw_arrivals(
    prompts: Sequence[Mapping[str, Any]],
    policies: Mapping[str, float],
    *,
    count: int,
    from_ms: int,
    to_ms: int,
    draw: random.Random,
) -> Iterator[Arrival]:
    """In order of time. policies: name as requested -> share of the traffic."""
    hours = range(from_ms // HOUR_MS, to_ms // HOUR_MS)
    weights = list(accumulate(_load(hour, from_ms, to_ms) for hour in hours))
    instants = sorted(
        (hours[bisect(weights, draw.random() * weights[-1])] * HOUR_MS) + draw.randrange(HOUR_MS) for _ in range(count)
    )
    names, shares = list(policies), list(policies.values())
    for at_ms in instants:
        prompt = draw.choice(prompts)
        [name] = draw.choices(names, shares)
        yield Arrival(min(at_ms, to_ms - 1), prompt["team"], _chat(prompt, name, draw))


def _load(hour: int, from_ms: int, to_ms: int) -> float:
    # 1970-01-01 was a Thursday, weekday 3.
    weekday = (hour // 24 + 3) % 7
    progress = (hour * HOUR_MS - from_ms) / (to_ms - from_ms)
    return HOURS[hour % 24] * WEEKDAYS[weekday] * (1 + GROWTH * progress)


def _chat(prompt: Mapping[str, Any], name: str, draw: random.Random) -> Chat:
    messages: list[dict[str, Any]] = [{"role": "system", "content": prompt["system"]}] if prompt.get("system") else []
    for turn in range(int(prompt.get("turns", 1)) - 1):
        messages += [
            {"role": "user", "content": f"Turn {turn + 1}, please go on."},
            {"role": "assistant", "content": "Done."},
        ]
    messages.append({"role": "user", "content": prompt["text"]})
    is_streaming = draw.random() < STREAMED_SHARE
    body: dict[str, Any] = {"messages": messages, "stream": is_streaming}
    tools: tuple[dict[str, Any], ...] = ()
    if prompt.get("wants_tools"):
        tools = (
            {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}},
        )
        body["tools"] = tools
    if prompt.get("wants_json"):
        body["response_format"] = {"type": "json_object"}
    return Chat(
        requested_model=name,
        fields={key: orjson.dumps(value) for key, value in body.items()},
        messages=tuple(messages),
        tools=tools,
        is_streaming=is_streaming,
        response_format="json_object" if prompt.get("wants_json") else None,
        extras=RouterExtras(user=f"{prompt['team']}-{draw.randrange(USERS_PER_TEAM)}"),
    )
