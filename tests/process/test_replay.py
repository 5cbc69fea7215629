"""2,000 requests through every strategy at once, with a breaker that opens and closes and a publish midway, replay to the byte elsewhere."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.patience import wait_until
from tests.process.router import Router, a_router, pool

pytestmark = pytest.mark.process

REQUESTS = 2_000
PARALLEL = 32
ARMS = [
    {"name": "control", "weight": 1, "use": {"pool": pool("alpha"), "strategy": {"kind": "ordered"}}},
    {"name": "treatment", "weight": 1, "use": {"pool": pool("beta"), "strategy": {"kind": "round_robin"}}},
]
STRATEGIES: dict[str, dict[str, object]] = {
    "ordered": {},
    "round_robin": {},
    "weighted": {},
    "fastest": {},
    "cheapest": {},
    "balanced": {"weights": {"quality": 0.4, "cost": 0.3, "latency": 0.3}},
    "capability": {"weights": {"accuracy": 1, "code": 0.5}},
    "contextual": {"targets": {"code": ["model:beta"]}, "min_confidence": 0.3, "fallback": ["model:alpha"]},
    "consistent_hash": {"on": "prompt"},
    "cascade": {"accept_if": [{"check": "complete"}, {"check": "min_characters", "value": 5000}]},
    "split": {"experiment": "replayed", "arms": ARMS},
}
PROMPTS = (
    "Write a python function that sorts a list.",
    "Translate this into German: good morning",
    "my secret word is zanzibar",
    "hello there",
    "What is 17 * 23?",
)
REPLAY = """
import json, django; django.setup()
from collections import Counter
from routerapp.models import DecisionInputs
from routerapp.store.replay import replay_request
outcome, breakers, strategies = Counter(), Counter(), Counter()
for request_id in DecisionInputs.objects.values_list("request_id", flat=True):
    result = replay_request(request_id)
    same = getattr(result, "same", None)
    outcome["same" if same else "different" if same is False else "not_replayable"] += 1
    if same:
        decision = json.loads(result.recorded)
        strategies[decision["strategy"]] += 1
        breakers.update(c["verdict"] for c in decision["candidates"])
        outcome["content_rule"] += decision["rule"] == "content"
print(json.dumps([outcome, breakers, strategies]))
"""


def document(slug: str, kind: str, parameters: dict[str, object]) -> dict[str, object]:
    content = {
        "any": [
            {"field": "text", "op": "contains", "value": "zanzibar"},
            {"field": "text", "op": "matches", "value": "(?i)free crypto"},
        ]
    }
    return {
        "schema": 1,
        "policy": slug,
        "timezone": "UTC",
        "constraints": {},
        "rules": [
            {
                "id": "content",
                "name": "content",
                "when": content,
                "use": {"pool": pool("gamma"), "strategy": {"kind": "ordered"}},
            }
        ],
        "default": {"pool": pool(), "strategy": {"kind": kind, **parameters}, "fallbacks": ["all"]},
    }


def prompt_of(number: int) -> str:
    """Each policy is asked each prompt in turn."""
    return PROMPTS[number // len(STRATEGIES) % len(PROMPTS)]


def ask_all(router: Router, numbers: range) -> None:
    names = [f"policy/{kind.replace('_', '-')}" for kind in STRATEGIES]

    def one(number: int) -> int:
        body = {
            "model": names[number % len(names)],
            "messages": [{"role": "user", "content": f"{prompt_of(number)} ({number % 7})"}],
            "user": f"user-{number % 50}",
        }
        return router.client.post("/v1/chat/completions", json=body).status_code

    with ThreadPoolExecutor(PARALLEL) as pool_:
        statuses = set(pool_.map(one, numbers))
    assert statuses <= {200, 502, 503}, statuses


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    with a_router(tmp_path_factory.mktemp("replay")) as router:
        publishing = "\n".join(
            "create_policy({0!r}, {0!r}, document={1!r}, by=SYSTEM); d = Draft.objects.get(policy__slug={0!r}); publish_draft(d.pk, expected_revision=d.revision, note='', by=SYSTEM)".format(
                slug := kind.replace("_", "-"), document(slug, kind, parameters)
            )
            for kind, parameters in STRATEGIES.items()
        )
        router.change(publishing)
        ask_all(router, range(REQUESTS // 4))
        router.change(
            "edit_deployment('alpha', {'simulation': {**quick, 'error_share': 1, 'errors': ['500']}}, by=SYSTEM)"
        )
        ask_all(router, range(REQUESTS // 4, REQUESTS // 2))
        changed = document("ordered", "ordered", {}) | {
            "default": {"pool": pool("gamma", "beta"), "strategy": {"kind": "ordered"}}
        }
        router.change(
            "edit_deployment('alpha', {'simulation': quick}, by=SYSTEM)\n"
            f"d = create_draft('ordered', by=SYSTEM); d = save_draft(d.pk, {changed!r}, expected_revision=d.revision, by=SYSTEM)\n"
            "publish_draft(d.pk, expected_revision=d.revision, note='', by=SYSTEM)"
        )
        ask_all(router, range(REQUESTS // 2, REQUESTS))
        recorded = "SELECT count(*) FROM decision_inputs"
        wait_until(lambda: router.product.rows(recorded)[0][0] >= REQUESTS, "every decision is recorded")
        yield json.loads(router.product.run_python(REPLAY))


def test_every_decision_replays_to_the_byte_in_another_process(replayed, capsys):
    outcome, breakers, strategies = replayed
    with capsys.disabled():
        print(f"\n  replay: {outcome}; candidate verdicts: {breakers}; strategies: {strategies}")

    assert outcome.get("different", 0) == 0
    assert outcome.get("not_replayable", 0) == 0
    assert outcome["same"] == REQUESTS
    assert set(STRATEGIES) - {"split"} <= set(strategies)


def test_a_breaker_opened_and_a_content_rule_decided_meanwhile(replayed):
    outcome, breakers, _ = replayed

    assert breakers.get("in_cooldown", 0) > 0
    assert outcome["content_rule"] == sum("zanzibar" in prompt_of(number) for number in range(REQUESTS))
