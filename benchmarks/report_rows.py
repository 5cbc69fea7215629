"""A day of invented traffic for measuring reports: rows of requests and attempts, and the sums the drainer would have made of them.

The same for the same count, day and seed. Keys, teams and models are used very unevenly, day and night differ, some fail.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.report_sums import Periods, Rows
from routerapp.engine.task_words import TASKS
from routerapp.serving.identifiers import make_id
from routerapp.store.facts import AttemptFact, RequestFact
from routerapp.store.rollups import LENGTH_MS
from routerapp.store.rollups import TABLES as ROLLUPS
from routerapp.store.sketches import bucket_of

MINUTE_MS, HOUR_MS, DAY_MS = LENGTH_MS.values()
MODELS = 10
BUCKETS = [bucket_of(value_ms) for value_ms in range(60_000)]
ATTEMPTS_AT, INPUT_AT, COST_AT, TTFT_AT, LATENCY_AT = map(
    RequestFact.__struct_fields__.index, ("attempts", "input_tokens", "cost_nusd", "ttft_ms", "latency_ms")
)
KINDS = 4096
# How busy an hour of the day is against the mean, UTC.
BUSY = (4, 3, 3, 3, 4, 5, 8, 11, 15, 17, 18, 17, 15, 16, 18, 17, 15, 13, 11, 9, 8, 7, 6, 5)
POLICIES = ("support", "coding", "search", "batch", "default", "legal")
PROVIDERS = ("openai", "anthropic", "local")
# Share in 10,000, HTTP status, code.
STATUSES = (
    ("ok", 9590, 200, ""),
    ("upstream_error", 120, 502, "upstream_error"),
    ("timeout", 60, 504, "timeout"),
    ("interrupted", 5, 0, "interrupted"),
    ("cancelled", 100, 499, "cancelled"),
    ("refused_policy", 30, 403, "policy_refused"),
    ("refused_limit", 60, 429, "rate_limit_exceeded"),
    ("refused_budget", 10, 402, "budget_exceeded"),
    ("no_candidate", 5, 503, "no_candidate"),
    ("invalid", 20, 400, "invalid_request"),
)
ANSWERED = frozenset(("ok", "upstream_error", "timeout", "interrupted", "cancelled"))


class Kind(NamedTuple):
    """What requests have in common that come from one place for one purpose, and how they end."""

    origin: str
    key: int
    policy: str
    rule: int
    model: int
    task: str
    is_streaming: bool
    arm: str
    is_cached: bool
    status: str
    http_status: int
    error_code: str
    is_retried: bool


def columns_of(table: str) -> tuple[str, ...]:
    for rollup in ROLLUPS:
        if table == rollup.name:
            return ("id", *rollup.dimensions, *rollup.sums, *rollup.sketches)
    return (RequestFact if table == "routed_request" else AttemptFact).__struct_fields__


class Day:
    """One day of traffic that begins at starts_at_ms: rows of requests and attempts, sums per minute, sums per hour and day."""

    def __init__(self, count: int, starts_at_ms: int, seed: int = 4) -> None:
        self._drawn = random.Random(seed)
        self._kinds = [_kind(self._drawn) for _ in range(KINDS)]
        self._noise = [self._drawn.lognormvariate(0, 0.5) for _ in range(KINDS)]
        self._periods = Periods()
        self._starts_at_ms = starts_at_ms
        self.rows: Rows = defaultdict(list)
        self.minutes: Rows = defaultdict(list)
        self.sums: Rows = defaultdict(list)
        sofar = 0.0
        for hour, busy in enumerate(BUSY):
            share = busy / sum(BUSY)
            self._hour(starts_at_ms + hour * HOUR_MS, round(count * (sofar + share)) - round(count * sofar))
            sofar += share
        self._periods.end("day", starts_at_ms, self.sums)

    def _hour(self, starts_at_ms: int, count: int) -> None:
        for minute in range(60):
            at_ms = starts_at_ms + minute * MINUTE_MS
            self._minute(at_ms, count * (minute + 1) // 60 - count * minute // 60)
            self._periods.end("minute", at_ms, self.minutes)
        self._periods.end("hour", starts_at_ms, self.sums)

    def _minute(self, starts_at_ms: int, count: int) -> None:
        requests, attempts = self._periods.running_minute
        bits, kinds, noise = self._drawn.getrandbits, self._kinds, self._noise
        for number in range(count):
            at_ms = starts_at_ms + (number * MINUTE_MS + bits(12) * MINUTE_MS // 4096) // count
            kind, more, less = kinds[bits(12)], noise[bits(12)], noise[bits(12)]
            request = _request(make_id(at_ms, bits), at_ms, kind, more, less)
            self.rows["routed_request"].append(request)
            requests.add(*_request_sums(kind, request))
            for attempt in _attempts(request, kind):
                self.rows["attempt"].append(attempt)
                attempts.add(*_attempt_sums(kind, attempt))


def _kind(drawn: random.Random) -> Kind:
    origin = drawn.choices(("live", "playground", "probe", "shadow"), (970, 10, 15, 5))[0]
    key = min(39, int(drawn.paretovariate(0.8)) - 1)
    policy = POLICIES[(key + (drawn.random() < 0.2)) % len(POLICIES)]
    task = TASKS[min(len(TASKS) - 1, int(drawn.expovariate(0.5)))]
    rule = (TASKS.index(task) + key) % 4
    status, _, http_status, code = drawn.choices(STATUSES, [share for _, share, _, _ in STATUSES])[0]
    return Kind(
        origin=origin,
        key=key,
        policy=policy,
        rule=rule,
        model=(rule * 3 + drawn.choice((0, 0, 0, 1))) % MODELS,
        task=task,
        is_streaming=drawn.random() < 0.6,
        arm=drawn.choice(("control", "treatment")) if policy == "search" and drawn.random() < 0.3 else "",
        is_cached=status == "ok" and drawn.random() < 0.02,
        status=status,
        http_status=http_status,
        error_code=code,
        is_retried=status == "ok" and drawn.random() < 0.03,
    )


def _request(id: str, at_ms: int, kind: Kind, more: float, less: float) -> tuple[Any, ...]:
    """In the order of RequestFact."""
    is_answered = kind.status in ANSWERED
    is_known = kind.status == "ok"
    input_tokens, output_tokens = int(900 * more), int(250 * less)
    latency_ms = int((250 + 180 * kind.model) * less) if is_answered else None
    cost = (input_tokens + 4 * output_tokens) * 100 * (kind.model + 1) ** 2 if is_known and not kind.is_cached else None
    model = f"model-{kind.model}" if is_answered else ""
    return (
        id,
        at_ms,
        kind.origin,
        kind.status,
        f"key-{kind.key:02}",
        f"team-{kind.key % 8}",
        f"{kind.key * 1000 + int(more * 300):032x}",
        "auto",
        kind.policy,
        1,
        *((f"r{kind.rule}", f"rule-{kind.rule}") if kind.rule else ("", "default")),
        "balanced",
        f"{model}-eu" if is_answered else "",
        model,
        PROVIDERS[kind.model % len(PROVIDERS)] if is_answered else "",
        *(("ranking", kind.arm, f"{int(more * 10**9):016x}") if kind.arm else ("", "", "")),
        kind.task,
        "en",
        kind.is_streaming,
        0 if not is_answered or kind.is_cached else 1 + kind.is_retried,
        kind.http_status,
        kind.error_code,
        "stop" if is_known else "",
        input_tokens,
        input_tokens if is_known else None,
        output_tokens if is_known else None,
        0 if is_known else None,
        False,
        0 if kind.is_cached else cost,
        None if cost is None else cost * 3,
        latency_ms // 3 if latency_ms and kind.is_streaming else None,
        latency_ms,
        180 + int(90 * more),
        "chat",
        "openai",
        "hit" if kind.is_cached else "miss" if kind.policy == "batch" else "",
        10**6 if kind.is_cached else None,
        None,
        "",
    )


def _attempts(request: tuple[Any, ...], kind: Kind) -> Iterator[tuple[Any, ...]]:
    """In the order of AttemptFact; a request that was retried failed first elsewhere."""
    count = request[ATTEMPTS_AT]
    for number in range(1, count + 1):
        is_failed = number < count or kind.status not in ("ok", "cancelled")
        status = ("upstream_error" if kind.status == "ok" else kind.status) if is_failed else kind.status
        model = f"model-{(kind.model + count - number) % MODELS}"
        price = 10**8 * (kind.model + 1) ** 2
        yield (
            f"{request[0]}-{number}.0",
            request[0],
            number,
            "primary" if number == 1 else "fallback",
            0,
            request[1] + number,
            f"{model}-eu",
            model,
            PROVIDERS[kind.model % len(PROVIDERS)],
            status,
            "server_error" if is_failed else "",
            "The upstream answered 502 Bad Gateway." if is_failed else "",
            502 if is_failed else 200,
            12,
            None if is_failed else request[TTFT_AT],
            request[LATENCY_AT],
            *((None, None, None) if is_failed else request[INPUT_AT : INPUT_AT + 3]),
            False,
            price,
            4 * price,
            price // 10,
            None,
            None,
            "genai-prices",
            None if is_failed else request[COST_AT],
            "" if is_failed else "stop",
            "" if is_failed else f"chatcmpl-{request[0][-12:]}",
            "",
        )


def _request_sums(kind: Kind, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """What Increments.add_request makes of such a row: dimensions, sums, buckets of latency and time to first token."""
    cost = row[COST_AT]
    is_unpriced = cost is None and kind.status in ANSWERED
    has_both = cost is not None and row[COST_AT + 1] is not None
    both = (1, row[COST_AT + 1], cost) if has_both else (0, 0, 0)
    spent = (row[INPUT_AT] or 0, row[INPUT_AT + 1] or 0, cost or 0)
    dimensions = (kind.origin, kind.policy, 1, row[10], row[4], row[5], kind.task, row[14], kind.status)
    sums = (1, int(is_unpriced), 0, *spent, *both, int(kind.is_cached), 10**6 if kind.is_cached else 0, 0, 0)
    return dimensions, sums, _bucket(row[LATENCY_AT]), _bucket(row[TTFT_AT])


def _attempt_sums(kind: Kind, row: tuple[Any, ...]) -> tuple[Any, ...]:
    cost = row[26]
    sums = (1, int(cost is None), 0, row[16] or 0, row[17] or 0, cost or 0)
    return (kind.origin, row[6], row[7], row[8], row[9], row[10]), sums, _bucket(row[15]), _bucket(row[14])


def _bucket(value_ms: int | None) -> int | None:
    return None if value_ms is None else BUCKETS[min(value_ms, len(BUCKETS) - 1)]
