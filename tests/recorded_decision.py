"""A request that was decided and recorded as live traffic is, with everything that deciding it again needs."""

from __future__ import annotations

from typing import Any

from routerapp.engine.chat import RouterExtras
from routerapp.engine.decide import decide
from routerapp.engine.names import resolve_name
from routerapp.engine.replay import live_slice
from routerapp.engine.types import CallerFacts, Features, Inputs, Live, RequestFacts
from routerapp.models import DecisionInputs, DecisionTrace, RoutedRequest
from routerapp.store.facts import recorded_documents
from routerapp.store.records import Begin, encode_record
from tests.factories import a_request, a_snapshot


def a_recorded_decision(live: Live | None = None, **features: Any) -> RoutedRequest:
    """Of the default policy, as the configuration is now."""
    row = a_request(inputs=None)
    snapshot = a_snapshot()
    inputs = Inputs(Features(**{"prompt_tokens": 400} | features), RequestFacts())
    resolution = resolve_name("auto", snapshot.config, CallerFacts("ci"), RouterExtras())
    decision, _ = decide(
        resolution.policy, snapshot.config, snapshot.evidence, inputs, live or Live(), 7, row.at_ms, resolution.pinned
    )
    kept = live_slice(decision, live or Live())
    begin = Begin(id=row.id, at_ms=row.at_ms, origin="live", decision=decision, inputs=inputs, live=kept)
    inputs_document, trace_document = recorded_documents(encode_record(begin))
    DecisionTrace.objects.create(request_id=row.id, at_ms=row.at_ms, document=trace_document)
    DecisionInputs.objects.create(
        request_id=row.id,
        at_ms=row.at_ms,
        config_revision=decision.config,
        evidence_revision=decision.evidence,
        seed=f"{decision.seed:016x}",
        engine_version=decision.engine,
        policy=decision.policy,
        policy_version=decision.policy_version,
        document=inputs_document,
    )
    return row
