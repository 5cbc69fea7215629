"""Where today's policies lie in the plane of cost and quality: each decides prompts of a benchmark, and gets what the chosen model got there.

Nothing is sent. Every deployment counts as idle and healthy; prompts that a policy sends outside the pool are counted, not guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from django.conf import settings
from django.utils import timezone

from routerapp.engine.chat import Chat
from routerapp.engine.content import Content, read_content
from routerapp.engine.decide import decide
from routerapp.engine.features import extract_features
from routerapp.engine.matching import UnknownObservation
from routerapp.engine.policy import Policy
from routerapp.engine.task import TaskClassifier
from routerapp.engine.task_words import DEFAULT_TASK_WORDS
from routerapp.engine.types import Features, Inputs, Live, Predictions, RequestFacts
from routerapp.learning.bootstrap import cost_figure, figure, group_weights
from routerapp.learning.outcomes import Outcomes
from routerapp.serving.predicting import Predicting, open_tasks
from routerapp.store.config_document import unix_ms
from routerapp.store.snapshot import Snapshot, load_snapshot

MOST_POLICIES = 12
MOST_PROMPTS = 400
LEAST_SHARE = 0.9
DRAWS = 300
OUTSIDE = -1

Predicts = Callable[[str], Predictions]
Judges = Callable[[Chat, Content], Features]


def policy_points(asked: Outcomes, predicts: Predicts | None, *, seed: int) -> list[dict[str, Any]]:
    """One point for each live policy, in the order of their slugs: quality and cost in USD with intervals over the prompts it sends to models
    of the pool, and the share of prompts that is. cost_usd None where one is not known; both None where the share is under LEAST_SHARE."""
    complete = asked.rows(np.flatnonzero(~np.isnan(asked.quality).any(axis=1)))
    if len(complete) > MOST_PROMPTS:
        drawn = np.random.Generator(np.random.PCG64(seed)).choice(len(complete), MOST_PROMPTS, replace=False)
        complete = complete.rows(np.sort(drawn))
    if not len(complete):
        return []
    snapshot = load_snapshot()
    known = sorted(snapshot.config.policies.items())
    live = [(slug, versions.live_policy) for slug, versions in known if versions.live_policy is not None]
    judge = _judge(snapshot)
    inputs = [_inputs(prompt, snapshot, judge, predicts) for prompt in complete.prompts] if live else []
    return [_point(slug, policy, complete, inputs, snapshot, seed) for slug, policy in live[:MOST_POLICIES] if policy]


def _judge(snapshot: Snapshot) -> Judges:
    """Features as serving makes them: the words of the installation, and the task head in force."""
    classifier = TaskClassifier({**DEFAULT_TASK_WORDS, **snapshot.config.task_words})
    tasks, _ = open_tasks(snapshot.evidence.task_head, settings.DATA_DIR, None)
    speaks = Predicting(tasks=tasks)
    return lambda chat, content: speaks.judged(extract_features(chat, content, classifier), chat, content, classifier)[
        0
    ]


def _inputs(prompt: str, snapshot: Snapshot, judge: Judges, predicts: Predicts | None) -> Inputs:
    messages = ({"role": "user", "content": prompt},)
    chat = Chat(requested_model="auto", fields={"messages": orjson.dumps(messages)}, messages=messages)
    content = read_content(chat)
    facts = RequestFacts()
    return Inputs(
        features=judge(chat, content),
        facts=facts,
        observations=snapshot.observer.observe(content, facts),
        predictions=predicts(prompt) if predicts else None,
    )


def _point(
    slug: str, policy: Policy, asked: Outcomes, inputs: list[Inputs], snapshot: Snapshot, seed: int
) -> dict[str, Any]:
    now_ms = unix_ms(timezone.now())
    places = np.array([_place(policy, one, asked.models, snapshot, seed + at, now_ms) for at, one in enumerate(inputs)])
    within = np.flatnonzero(places != OUTSIDE)
    share = round(len(within) / len(asked), 4)
    point: dict[str, Any] = {"name": slug, "share": share, "quality": None, "cost_usd": None}
    if share < LEAST_SHARE:
        return point
    weights = group_weights([asked.groups[at] for at in within], DRAWS, seed)
    quality, cost_usd = asked.quality[within, places[within]], asked.cost_usd[within, places[within]]
    point["quality"] = figure(weights @ quality).as_json()
    if not np.isnan(cost_usd).any():
        point["cost_usd"] = cost_figure(weights @ cost_usd).as_json()
    return point


def _place(policy: Policy, inputs: Inputs, models: tuple[str, ...], snapshot: Snapshot, seed: int, now_ms: int) -> int:
    """The model's place in the pool; OUTSIDE for one outside it, a refusal, or no candidate."""
    try:
        decision, _ = decide(policy, snapshot.config, snapshot.evidence, inputs, Live(), seed, now_ms)
    except UnknownObservation:
        return OUTSIDE
    if not decision.plan:
        return OUTSIDE
    model = snapshot.config.deployments[decision.plan[0].deployment].model
    return models.index(model) if model in models else OUTSIDE
