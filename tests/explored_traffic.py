"""Live traffic that a `learned` policy with exploration decided, with kept prompts and judgements whose truth is known."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from django.db.models import Model

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.chat import RouterExtras
from routerapp.engine.decide import decide
from routerapp.engine.names import resolve_name
from routerapp.engine.replay import live_slice
from routerapp.engine.types import (
    CallerFacts,
    Decision,
    Features,
    Inputs,
    Live,
    ModelPrediction,
    Predictions,
    RequestFacts,
)
from routerapp.models import Body, DecisionInputs, DecisionTrace, Feedback, RoutedRequest
from routerapp.serving.learned_router import Learned
from routerapp.store.facts import recorded_documents
from routerapp.store.records import Begin, encode_record
from tests.factories import a_deployment, a_document, a_language_model, a_policy, a_snapshot

MODELS = ("cheap", "dear")


def a_learned_policy(share: float = 0.4, cost_quality: float = 0.0) -> None:
    """Both models are open to it; the default is the cheap one."""
    for slug, price in (("cheap", 1_000_000_000), ("dear", 9_000_000_000)):
        a_deployment(slug=slug, language_model=a_language_model(slug=slug), price={"input_nusd_per_mtok": price})
    strategy = {"kind": "learned", "default": "model:cheap", "cost_quality": cost_quality}
    a_policy(a_document(default={"pool": ["all"], "strategy": strategy, "explore": {"share": share}}))


def that_says(cheap: float, dear: float, predictor: str = "p") -> Predictions:
    return Predictions(predictor, {"cheap": ModelPrediction(cheap, 0.05), "dear": ModelPrediction(dear, 0.05)})


def a_speaker(says: Callable[[Any], Predictions]) -> Learned:
    """Of a predictor only what it says of a prompt; whoever routes with it fails."""

    def fails(*_: Any) -> Any:
        raise AssertionError("Only what it says is asked.")

    return Learned(MODELS, fails, fails, fails, says, {}, b"")


def explored_requests(
    count: int, now_ms: int, truth: Mapping[str, float], *, seed: int = 1, keeps: bool = True, **kept: Any
) -> None:
    """Decided while the predictor in force said `cheap` of everything; judged good with the chance of the model that answered.

    keeps: whether prompts were kept; kept: what else stands in the kept chat.
    """
    snapshot = a_snapshot()
    generator = np.random.Generator(np.random.PCG64(seed))
    policy = resolve_name("policy/support", snapshot.config, CallerFacts("ci"), RouterExtras()).policy
    inputs = Inputs(Features(prompt_tokens=40), RequestFacts(), predictions=that_says(0.8, 0.6, "in-force"))
    rows: list[Model] = []
    for number in range(count):
        at_ms, request_id = now_ms - 60_000 * (count - number), f"0193c{seed:03d}-0000-7000-8000-{number:012x}"
        drawn = int(generator.integers(2**60))
        decision, _ = decide(policy, snapshot.config, snapshot.evidence, inputs, Live(), drawn, at_ms, None)
        model = decision.plan[0].deployment
        rows += _recorded(request_id, at_ms, decision, inputs)
        rows.append(_request(request_id, at_ms, model))
        if keeps:
            chat = {"messages": [{"role": "user", "content": f"Question {number}"}], **kept}
            rows.append(Body(request_id=request_id, at_ms=at_ms, chat=zlib.compress(canonical_bytes(chat))))
        rows.append(_judgement(f"f{seed:03d}-{number}", request_id, at_ms, float(generator.random() < truth[model])))
    for table in (RoutedRequest, DecisionInputs, DecisionTrace, Body, Feedback):
        table.objects.bulk_create([row for row in rows if isinstance(row, table)])


def _recorded(request_id: str, at_ms: int, decision: Decision, inputs: Inputs) -> list[Model]:
    live = live_slice(decision, Live())
    begin = Begin(id=request_id, at_ms=at_ms, origin="live", decision=decision, inputs=inputs, live=live)
    inputs_document, trace_document = recorded_documents(encode_record(begin))
    return [
        DecisionTrace(request_id=request_id, at_ms=at_ms, document=trace_document),
        DecisionInputs(
            request_id=request_id,
            at_ms=at_ms,
            config_revision=decision.config,
            evidence_revision=decision.evidence,
            seed=f"{decision.seed:016x}",
            engine_version=decision.engine,
            policy=decision.policy,
            policy_version=decision.policy_version,
            document=inputs_document,
        ),
    ]


def _request(request_id: str, at_ms: int, model: str) -> RoutedRequest:
    fields = {"origin": "live", "status": "ok", "requested_model": "auto", "policy": "support", "policy_version": 1}
    return RoutedRequest(
        id=request_id, at_ms=at_ms, deployment=model, language_model=model, cost_nusd=500_000, **fields
    )


def _judgement(feedback_id: str, request_id: str, at_ms: int, good: float) -> Feedback:
    fields = {"kind": "boolean", "source": "key"}
    return Feedback(id=feedback_id, request_id=request_id, at_ms=at_ms + 1, value=good, **fields)
