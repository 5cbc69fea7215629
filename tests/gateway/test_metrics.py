"""/metrics parses as both formats, says what docs/metrics.md says, and grows with the configuration alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from routerapp.engine.types import CallerFacts
from routerapp.gateway.metrics import write_metrics
from routerapp.serving.metrics import Metrics, Standing
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.serving.tally import Tally
from routerapp.serving.traces.tracer import Tracer
from routerapp.store.records import AttemptEnd, End
from routerapp.store.shared.connection import Connection
from routerapp.store.shared.limits import SharedLimits
from routerapp.store.shared.shared_state import SharedState
from routerapp.valkey_settings import ValkeySettings
from tests.architecture.tree import ROOT
from tests.gateway.server import Running, running_gateway
from tests.runtimes import CALLER, a_chat, a_policy, a_runtime, a_snapshot

DOCUMENT = (ROOT / "docs" / "metrics.md").read_text()
TABLE = {
    name: (kind, tuple(labels.replace(",", " ").split()))
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) ?\|", DOCUMENT, re.MULTILINE)
}
BY_REQUEST = ("signalbox_caller_requests_total", "signalbox_caller_cost_usd_total")


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    with running_gateway(tmp_path_factory.mktemp("metrics")) as running:
        yield running


def full_runtime(folder):
    """One with something in every family."""
    runtime = a_runtime(folder)
    metrics = runtime.metrics
    metrics.caller_labels = ("key", "team")
    metrics.standing = Standing(open_incidents=1, spool_waiting_bytes=2, spool_lag_seconds=3.0)
    runtime.tracer = Tracer(lambda: None)  # type: ignore[arg-type,return-value]
    runtime.tracer.counts.dropped["queue_full"] = 1
    runtime.shared = SharedState(
        Connection(ValkeySettings(host="127.0.0.1")), "t", "me", runtime.live, SharedLimits(), runtime.clock.now_ms
    )
    attempt = AttemptEnd(
        id="r",
        number=1,
        role="primary",
        at_ms=1,
        deployment="cheap",
        language_model="m",
        provider="p",
        status="ok",
        ttft_ms=30,
        latency_ms=70,
        input_tokens=10,
        output_tokens=5,
        cached_tokens=2,
        cost_nusd=123_456_789_012,
    )
    for change in ({}, {"retry": 1}, {"role": "fallback"}, {"role": "hedge"}, {"role": "hedge", "status": "cancelled"}):
        metrics.attempt_ended(AttemptEnd(**{f: getattr(attempt, f) for f in attempt.__struct_fields__} | change))
    end = End(id="r", at_ms=2, status="ok", http_status=200, cache="hit", saved_nusd=7, cost_nusd=5, latency_ms=70)
    metrics.request_ended("live", "support", end, CALLER)
    refused = End(id="r", at_ms=2, status="refused_budget", http_status=402, error_code="budget_exceeded")
    metrics.request_ended("live", "support", refused, CALLER)
    metrics.refused("invalid_api_key")
    metrics.record_lost()
    metrics.loop_lag_us.observe(1_500)
    runtime.live.attempt_started("cheap", 1)
    return runtime


@pytest.mark.parametrize(("is_open", "parse"), [(False, parse_plain), (True, parse_open)])
def test_every_family_is_in_the_document_with_its_type_and_labels(tmp_path, is_open, parse):
    out = write_metrics(full_runtime(tmp_path), is_open_metrics=is_open)
    families = list(parse(out.text().decode()))
    found = {}
    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
        found[name] = (family.type, tuple(labels))
        assert family.samples, name
        assert family.documentation

    assert found == TABLE


def test_names_follow_the_conventions():
    for name, (kind, _) in TABLE.items():
        assert name.startswith("signalbox_")
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|us|minutes|nusd|kb)(_|$)", name), name


def test_families_that_nobody_asked_for_are_left_out(tmp_path):
    text = write_metrics(a_runtime(tmp_path)).text().decode()

    assert "signalbox_caller_" not in text
    assert "signalbox_spans_" not in text
    assert "# TYPE signalbox_requests_total counter" in text, "there before the first request"


def test_money_is_printed_exactly(tmp_path):
    text = write_metrics(full_runtime(tmp_path)).text().decode()

    assert 'signalbox_cost_usd_total{deployment="cheap"} 617.283945060' in text
    assert "signalbox_cache_saved_usd_total 0.000000007" in text


def test_counts_what_became_of_attempts(tmp_path):
    metrics = full_runtime(tmp_path).metrics

    assert dict(metrics.hedges) == {("cheap", "won"): 1, ("cheap", "lost"): 1}
    assert (metrics.retries.total, metrics.fallbacks.total, metrics.budget_refusals) == (1, 1, 1)
    assert dict(metrics.tokens)["cheap", "cached_input"] == 10


async def test_ten_thousand_hostile_names_add_no_series(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(policies=[a_policy()]))
    callers = [CallerFacts(slug=f"key-{n}", team=f"team-{n}", scopes=("chat",)) for n in range(50)]
    hostile = '{}"\n# TYPE x counter\nx{{a="\\ud800" 世界'

    async def ask(number: int) -> None:
        chat = a_chat(model=f"{number}{hostile}"[:200], user=f"user-{number}", metadata={"team": f"t{number}"})
        with pytest.raises(Refused):
            await serve_chat(runtime, chat, callers[number % 50])

    await ask(0)
    before = sum(1 for _ in write_metrics(runtime).text().splitlines())
    for number in range(1, 10_000):
        await ask(number)
    text = write_metrics(runtime).text()

    assert sum(1 for _ in text.splitlines()) == before
    assert "世界".encode() not in text
    assert list(parse_plain(text.decode()))


def test_a_tally_never_grows_past_its_bound():
    tally = Tally(most=10)
    for number in range(10_000):
        tally.add(f"name-{number}", "code")

    assert len(tally.sums) == 11
    assert tally.total == 10_000
    assert dict(tally)["other", "other"] == 9_990


def test_callers_are_labels_only_as_far_as_they_were_asked_for():
    metrics = Metrics(caller_labels=("team",))
    end = End(id="r", at_ms=2, status="ok", http_status=200, cost_nusd=5)
    metrics.request_ended("live", "support", end, CALLER)

    assert dict(metrics.caller_requests) == {("team-a", "ok"): 1}


def test_a_scraper_that_speaks_openmetrics_gets_it(running):
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        plain = client.get("/metrics")
        opened = client.get(
            "/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        )

    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert opened.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert opened.text.endswith("# EOF\n")
    assert {f.name for f in parse_open(opened.text)} == {f.name for f in parse_plain(plain.text)}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer planted-token"}, 200),
        ({"authorization": "bearer planted-token"}, 200),
        ({"authorization": "Basic planted-token"}, 401),
        ({"authorization": "Bearer planted-tokeN"}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"x-api-key": "planted-token"}, 401),
        ({"authorization": "Bearer planted-token", "x-forwarded-for": "203.0.113.7"}, 200),
    ],
)
def test_with_a_token_set_nobody_reads_without_it(running, headers, status):
    running.runtime.metrics_token = "planted-token"
    try:
        answer = httpx.get(running.url + "/metrics", headers=headers, trust_env=False)
    finally:
        running.runtime.metrics_token = None

    assert answer.status_code == status
    assert "planted-token" not in answer.text


def test_the_rules_and_the_dashboard_name_only_metrics_there_are():
    names = {name + suffix for name in TABLE for suffix in ("", "_bucket", "_sum", "_count")}
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()
    panels = (ROOT / "deploy" / "grafana" / "signalbox.json").read_text()

    assert set(re.findall(r"signalbox_\w+", rules + panels + DOCUMENT)) <= names
    assert all("expr" in rule and "alert" in rule for rule in yaml.safe_load(rules)["groups"][0]["rules"])
    assert all(one["title"] for one in json.loads(panels)["panels"])
