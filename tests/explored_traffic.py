"""Live traffic that a `learned` policy with exploration decided, with kept prompts and judgements whose truth is known."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.chat import RouterExtras
from routerapp.engine.decide import decide
from routerapp.engine.names import resolve_name
from routerapp.engine.replay import live_slice
from routerapp.engine.types import CallerFacts, Features, Inputs, Live, ModelPrediction, Predictions, RequestFacts
from routerapp.models import Body, DecisionInputs, DecisionTrace, Feedback, RoutedRequest
from routerapp.serving.learned_router import Learned
from routerapp.store.facts import recorded_documents
from routerapp.store.records import Begin, encode_record
from tests.factories import a_deployment, a_document, a_language_model, a_policy, a_snapshot

MODELS = ("cheap", "dear")


def a_learned_policy(share: float = 0.4) -> None:
    """Both models are open to it; the default is the cheap one."""
    for slug, price in (("cheap", 1_000_000_000), ("dear", 9_000_000_000)):
        a_deployment(slug=slug, language_model=a_language_model(slug=slug), price={"input_nusd_per_mtok": price})
    strategy = {"kind": "learned", "default": "model:cheap", "cost_quality": 0.0}
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
    """Decided while the predictor in force said `cheap` of everything; judged good with the chance of the model that answered."""
    snapshot = a_snapshot()
    generator = np.random.Generator(np.random.PCG64(seed))
    resolution = resolve_name("policy/support", snapshot.config, CallerFacts("ci"), RouterExtras())
    said = that_says(0.8, 0.6, "in-force")
    rows: dict[type, list[Any]] = {RoutedRequest: [], DecisionInputs: [], DecisionTrace: [], Body: [], Feedback: []}
    for number in range(count):
        at_ms, request_id = now_ms - 60_000 * (count - number), f"0193c{seed:03d}-0000-7000-8000-{number:012x}"
        inputs = Inputs(Features(prompt_tokens=40), RequestFacts(), predictions=said)
        decision, _ = decide(
            resolution.policy,
            snapshot.config,
            snapshot.evidence,
            inputs,
            Live(),
            int(generator.integers(2**60)),
            at_ms,
            resolution.pinned,
        )
        begin = Begin(
            id=request_id,
            at_ms=at_ms,
            origin="live",
            decision=decision,
            inputs=inputs,
            live=live_slice(decision, Live()),
        )
        inputs_document, trace_document = recorded_documents(encode_record(begin))
        model = decision.plan[0].deployment
        rows[RoutedRequest].append(
            RoutedRequest(
                id=request_id,
                at_ms=at_ms,
                origin="live",
                status="ok",
                requested_model="auto",
                policy="support",
                policy_version=1,
                deployment=model,
                language_model=model,
                cost_nusd=500_000,
            )
        )
        rows[DecisionTrace].append(DecisionTrace(request_id=request_id, at_ms=at_ms, document=trace_document))
        rows[DecisionInputs].append(
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
            )
        )
        chat = {"messages": [{"role": "user", "content": f"Question {number}"}], **kept}
        if keeps:
            rows[Body].append(Body(request_id=request_id, at_ms=at_ms, chat=zlib.compress(canonical_bytes(chat))))
        good = float(generator.random() < truth[model])
        rows[Feedback].append(
            Feedback(
                id=f"f{seed:03d}-{number}",
                request_id=request_id,
                at_ms=at_ms + 1,
                kind="boolean",
                value=good,
                source="key",
            )
        )
    for table, made in rows.items():
        table.objects.bulk_create(made)
