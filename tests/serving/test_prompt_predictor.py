"""A trained predictor from its artefact to the decision, and semantic routes from their examples."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.replay import replay
from routerapp.engine.types import Evidence
from routerapp.serving.predicting import NOTHING_PREDICTED, open_predicting
from routerapp.serving.prompt_predictor import counts_of
from routerapp.serving.route_chat import prepare
from tests.learned import POEM, SUM, keep_artefact
from tests.runtimes import CALLER, a_chat, a_policy, a_runtime, a_snapshot

LEARNED = {"kind": "learned", "default": "model:dear", "cost_quality": 0.85, "max_loss": 0.2}
ROUTES = [
    {"name": "sums", "targets": ["model:cheap"], "examples": ["Add these numbers", "What is the total of 3 and 4?"]},
    {"name": "verse", "targets": ["model:dear"], "examples": ["Write a poem about the sea", "A verse about autumn"]},
]
SEMANTIC = {"kind": "semantic", "routes": ROUTES, "fallback": ["model:cheap"]}


def serving(tmp_path, strategy, predictor=""):
    snapshot = a_snapshot(policies=[a_policy(strategy=strategy)])
    snapshot = replace(snapshot, evidence=Evidence("e", predictor=predictor))
    runtime = a_runtime(tmp_path, snapshot)
    runtime.swap(snapshot, open_predicting(snapshot, tmp_path, NOTHING_PREDICTED))
    return runtime


def first(prepared):
    return prepared.decision.plan[0].deployment


def test_the_cheap_model_gets_what_it_can_do_and_the_decision_replays(tmp_path):
    runtime = serving(tmp_path, LEARNED, keep_artefact(tmp_path))
    easy, hard = prepare(runtime, a_chat(SUM), CALLER), prepare(runtime, a_chat(POEM), CALLER)

    assert runtime.predicting.problem == ""
    assert (first(easy), first(hard)) == ("cheap", "dear")
    step = next(one for one in easy.decision.trace if one.verdict == "gate_opened")
    assert step.because["predictor"] == runtime.predicting.predictor
    assert set(step.because["cluster_quality"]) == {"cheap", "dear"}
    assert max(step.because["tasks"], key=step.because["tasks"].get).endswith("sum")
    snapshot = runtime.snapshot
    again = replay(easy.decision, snapshot.config, snapshot.evidence, easy.inputs, easy.live, easy.now_ms)
    assert again.outcome == "same"


def test_an_empty_prompt_and_one_unlike_all_get_the_default(tmp_path):
    runtime = serving(tmp_path, LEARNED, keep_artefact(tmp_path))

    for text in ("", "   \n", "𐍈𐌰𐌹"):
        decision = prepare(runtime, a_chat(text), CALLER).decision
        assert decision.plan[0].deployment == "dear"
        assert "unfamiliar_prompt" in [one.verdict for one in decision.trace]


def test_another_process_says_the_same_to_the_byte(tmp_path):
    sha256 = keep_artefact(tmp_path)
    here = serving(tmp_path, LEARNED, sha256)
    said = [canonical_bytes(prepare(here, a_chat(text), CALLER).inputs.predictions).decode() for text in (SUM, POEM)]
    script = (
        "import json, sys; from pathlib import Path; from routerapp.learning.artefact import load;"
        "from routerapp.learning.reading import read_prompt, RequestCounts;"
        "from routerapp.engine.canonical import canonical_bytes; p = load(Path(sys.argv[1]));"
        "print(json.dumps([canonical_bytes(p.predict(read_prompt(t, RequestCounts()))).decode() for t in sys.argv[2:]]))"
    )
    path = str(tmp_path / "predictors" / f"{sha256}.safetensors")
    other = subprocess.run([sys.executable, "-c", script, path, SUM, POEM], capture_output=True, check=True, text=True)

    assert json.loads(other.stdout) == said


def test_semantic_routes_need_no_predictor(tmp_path):
    runtime = serving(tmp_path, SEMANTIC)
    verse, odd = (
        prepare(runtime, a_chat("A poem about the autumn sea"), CALLER),
        prepare(runtime, a_chat("Ping"), CALLER),
    )

    assert first(verse) == "dear"
    assert [one.subject for one in verse.decision.trace if one.verdict == "route_matched"] == ["verse"]
    assert first(odd) == "cheap"
    assert "route_abstained" in [one.verdict for one in odd.decision.trace]


def test_what_has_not_changed_is_not_opened_again(tmp_path):
    runtime = serving(tmp_path, LEARNED, keep_artefact(tmp_path))
    before = runtime.predicting
    after = open_predicting(runtime.snapshot, tmp_path, before)

    assert after.speaker.predictor is before.speaker.predictor


@pytest.mark.parametrize("members", [{}, {"max_tokens": 50, "response_format": {"type": "json_object"}}])
def test_counts_of_the_whole_request_are_read(members):
    from routerapp.engine.content import read_content

    chat = a_chat("Hello", **members)
    counts = counts_of(chat, read_content(chat))
    assert (counts.max_tokens, counts.format) == ((50, "json_object") if members else (0, "text"))
