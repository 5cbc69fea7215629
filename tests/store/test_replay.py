import zlib

import msgspec
import pytest

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.chat import RouterExtras
from routerapp.engine.conditions import leaf_id
from routerapp.engine.decide import decide
from routerapp.engine.names import resolve_name
from routerapp.engine.replay import live_slice
from routerapp.engine.types import (
    CallerFacts,
    Features,
    Inputs,
    Live,
    LiveDeployment,
    ModelPrediction,
    Predictions,
    RequestFacts,
)
from routerapp.models import ConfigRevision, DecisionInputs, DecisionTrace
from routerapp.store.facts import recorded_documents
from routerapp.store.records import Begin, encode_record
from routerapp.store.replay import NotReplayable, replay_request
from routerapp.store.revisions import load_config, record_config_revision
from tests.factories import a_deployment, a_document, a_language_model, a_policy, a_provider, a_snapshot, a_version

pytestmark = pytest.mark.django_db

AT_MS = 1_780_000_000_000
SPAM = {"field": "text", "op": "matches", "value": "(?i)spam"}
RULES = [
    {"id": "spam", "name": "spam", "when": SPAM, "use": {"reject": "No."}},
    {
        "id": "code",
        "name": "code",
        "when": {"field": "task", "op": "eq", "value": "code"},
        "use": {"pool": ["all"], "strategy": {"kind": "balanced", "weights": {"quality": 1, "cost": 1, "latency": 1}}},
    },
    {
        "id": "turns",
        "name": "turns",
        "when": {"field": "turns", "op": "gt", "value": 3},
        "use": {"pool": ["all"], "strategy": {"kind": "round_robin"}},
    },
]


@pytest.fixture(autouse=True)
def no_memory():
    load_config.cache_clear()


@pytest.fixture
def policy():
    model = a_language_model(scores={"accuracy": 1, "code": 0.75})
    a_deployment(slug="small", upstream_model="upstream-small", language_model=model, provider=a_provider(slug="acme"))
    a_deployment(slug="large", price={"input_nusd_per_mtok": 9_000_000_000})
    return a_policy(a_document("support", rules=RULES), is_default=True)


def record(request_id="r1", model="auto", predictions=None, **features):
    """Decides as serving does and writes what the drainer would."""
    snapshot = a_snapshot()
    observed = {leaf_id("text", "matches", "(?i)spam"): features.pop("spam", False)}
    inputs = Inputs(Features(**features), RequestFacts(model=model), observed, predictions=predictions)
    fast = LiveDeployment(in_flight=2, ttft_ewma_ms=420, ttft_samples=30, success_ewma=1, success_samples=30)
    live = Live({"small": fast, "large": LiveDeployment()}, {"support/turns": {"small": 1, "large": -1}})
    resolution = resolve_name(model, snapshot.config, CallerFacts("ci"), RouterExtras())
    decision, _ = decide(
        resolution.policy, snapshot.config, snapshot.evidence, inputs, live, 2**63 + 5, AT_MS, resolution.pinned
    )
    kept = live_slice(decision, live)
    begin = Begin(id=request_id, at_ms=AT_MS, origin="live", decision=decision, inputs=inputs, live=kept)
    inputs_document, trace_document = recorded_documents(encode_record(begin))
    DecisionTrace.objects.create(request_id=request_id, at_ms=AT_MS, document=trace_document)
    DecisionInputs.objects.create(
        request_id=request_id,
        at_ms=AT_MS,
        config_revision=decision.config,
        evidence_revision=decision.evidence,
        seed=f"{decision.seed:016x}",
        engine_version=decision.engine,
        policy=decision.policy,
        policy_version=decision.policy_version,
        document=inputs_document,
    )
    return decision


@pytest.mark.parametrize(
    ("features", "rule"),
    [({"task": "code"}, "code"), ({"turns": 9}, "turns"), ({"spam": True}, "spam"), ({}, "default")],
)
def test_every_kind_of_rule_replays_to_the_byte(policy, features, rule):
    decision = record(**features)
    result = replay_request("r1")

    assert decision.rule == rule
    assert result.same, (result.recorded, result.replayed)


@pytest.mark.parametrize("name", ["policy/support", "router-balanced-0.5", "acme/upstream-small"])
def test_every_form_of_name_replays(policy, name):
    record(model=name)

    assert replay_request("r1").same


def test_a_later_publish_price_and_archive_change_nothing_of_the_past(policy):
    record(task="code")
    a_version(policy, a_document("support"))
    a_deployment(slug="new")
    record_config_revision("later")

    assert replay_request("r1").same


def test_a_tampered_record_is_found(policy):
    record(task="code")
    row = DecisionTrace.objects.get()
    document = msgspec.json.decode(zlib.decompress(row.document))
    document["plan"].reverse()
    DecisionTrace.objects.update(document=zlib.compress(canonical_bytes(document)))

    assert replay_request("r1").same is False


def code_of(result):
    assert isinstance(result, NotReplayable)
    return result.code


def test_what_is_gone_is_said(policy):
    record()
    assert code_of(replay_request("nothing")) == "gone"
    DecisionInputs.objects.update(engine_version="0")
    assert code_of(replay_request("r1")) == "other_engine"
    DecisionInputs.objects.update(engine_version="1", config_revision="f" * 64)
    assert code_of(replay_request("r1")) == "revision_gone"


def test_unobserved_content_is_unknown_not_guessed(policy):
    record()
    row = DecisionInputs.objects.get()
    document = msgspec.json.decode(zlib.decompress(row.document))
    document["inputs"]["observations"] = {}
    DecisionInputs.objects.update(document=zlib.compress(canonical_bytes(document)))

    assert code_of(replay_request("r1")) == "content_not_kept"


def test_a_draft_is_not_kept(policy):
    decision = record()
    draft = canonical_bytes(msgspec.structs.replace(decision, policy_version=0))
    DecisionTrace.objects.update(document=zlib.compress(draft))

    assert code_of(replay_request("r1")) == "version_gone"
    assert ConfigRevision.objects.count() == 1


LEARNED = {
    "id": "learned",
    "name": "learned",
    "when": {"field": "turns", "op": "eq", "value": 2},
    "use": {
        "pool": ["all"],
        "strategy": {"kind": "learned", "default": "deployment:large", "cost_quality": 0.5, "cautious": True},
        "explore": {"share": 0.2, "margin": 0.5},
    },
}


@pytest.mark.parametrize("quality", [1, 0.8125, 0])
def test_predictions_replay_to_the_byte_whole_numbers_too(quality):
    a_deployment(slug="small", language_model=a_language_model(slug="small-model"))
    a_deployment(slug="large", language_model=a_language_model(slug="large-model"))
    a_policy(a_document("support", rules=[LEARNED]), is_default=True)
    models = {
        "small-model": ModelPrediction(quality, 0, 120),
        "large-model": ModelPrediction(0.5, 0.02, None),
    }
    predictions = Predictions("5b1e", models, 1, 0.5, {"math": 1}, 3, {"small-model": 1}, {"billing#1": 0.25})
    decision = record(turns=2, predictions=predictions)

    result = replay_request("r1")
    assert result.same
    assert decision.rule == "learned"
    assert b'"familiarity":1' in result.recorded


def test_requests_recorded_before_predictions_replay(policy):
    record(task="code")
    row = DecisionInputs.objects.get(request_id="r1")
    document = msgspec.json.decode(zlib.decompress(row.document))
    del document["inputs"]["predictions"]
    DecisionInputs.objects.update(document=zlib.compress(canonical_bytes(document)))

    assert replay_request("r1").same
