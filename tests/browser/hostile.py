"""What somebody who hates us would name things: markup and script addresses wherever the product takes a name, and traffic that carries them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tests.learned_documents import a_card, a_report
from tests.process.product import Product

MARKUP = "<img src=x onerror=alert(1)>\"'&lt;"
SCRIPT = "javascript:alert(1)"
# Everything has a hostile name; one draft is edited, one policy never published. Prints the addresses' variable parts.
HOSTILE_WORKSPACE = f"""
import json
from routerapp.models import APIKey, Draft, Invitation
from routerapp.serving import draft_edits, edit_aliases, edit_catalog, edit_end_users, edit_scores, edit_teams, invitations, manage_keys, people, publish_policy, reprice_history
from routerapp.serving.alerts import channels as alert_channels, rules as alert_rules
from routerapp.serving.alerts.incidents import OVER, close, settle
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.permissions import SYSTEM
from django.utils import timezone

markup, script = {MARKUP!r}, {SCRIPT!r}
by = {{"by": SYSTEM}}
edit_catalog.add_provider("hostile", name=markup, kind="simulated", **by)
edit_catalog.add_language_model("hostile-model", {{"name": markup, "vendor": "vendor" + script, "context_window": 4096}}, **by)
edit_catalog.add_deployment(
    "hostile-place",
    {{"name": markup, "upstream_model": script, "region": "eu",
      "simulation": {{"seed": 1, "ttft_ms": {{"p50": 5, "p95": 9}}, "tokens_per_second": 4000, "output_tokens": {{"mean": 9}}, "error_share": 1.0, "errors": ["500"]}}}},
    provider="hostile", language_model="hostile-model", **by,
)
edit_scores.set_score("hostile-model", "accuracy", 0.5, note=markup, **by)
edit_teams.add_team("hostile-team", {{"name": markup, "daily_spend_usd": "0"}}, **by)
end_user = edit_end_users.limit_end_user(markup, {{"label": markup, "max_parallel": 900}}, **by)
key = manage_keys.create_key(markup, scopes=["chat"], **by)
publish_policy.create_policy("hostile-policy", markup, description=script, **by)
draft = publish_policy.create_draft("company", name=markup, **by)
rule = {{"id": "hostile", "name": markup, "when": {{"all": [
        {{"field": "text", "op": "contains", "value": markup}},
        {{"field": "metadata.note", "op": "eq", "value": markup}},
        {{"field": "header.x-note", "op": "eq", "value": script}}]}},
    "use": {{"pool": ["deployment:hostile-place", "model:gpt-6-luna"], "strategy": {{"kind": "cheapest"}}}}}}
publish_policy.save_draft(draft.pk, draft_edits.add_rule(draft.document, rule, position=0), expected_revision=draft.revision, **by)
draft.refresh_from_db()
publish_policy.publish_draft(draft.pk, expected_revision=draft.revision, note=markup, **by)
draft = publish_policy.create_draft("company", name=markup, **by)
document = draft_edits.add_rule(draft.document, {{**rule, "id": "second", "name": script}}, position=1)
publish_policy.save_draft(draft.pk, document, expected_revision=draft.revision, **by)
from routerapp.serving import experiments
arms = [{{"name": "control", "weight": 1}}, {{"name": "treatment", "weight": 3, "use": {{"pool": ["model:gpt-6-luna"], "strategy": {{"kind": "cheapest"}}}}}}]
publish_policy.create_policy("hostile-split", markup, document={{"schema": 1, "policy": "hostile-split", "rules": [], "default": {{"pool": ["all"], "strategy": {{"kind": "cheapest"}}}}}}, **by)
split_draft = Draft.objects.get(policy__slug="hostile-split")
publish_policy.publish_draft(split_draft.pk, expected_revision=1, note=markup, **by)
for slug in ("hostile-running", "hostile-draft"):
    wanted = {{"slug": slug, "name": markup, "hypothesis": markup, "rule_id": "default", "arms": arms}}
    experiments.create_experiment(experiments.NewExperiment(policy="hostile-split" if slug == "hostile-running" else "company", **wanted), **by)
experiments.start_experiment("hostile-running", note=markup, **by)
experiments.decide_experiment("hostile-running", arm="treatment", note=markup, **by)
person = people.create_user("hostile@evil.example", role="viewer", password="correct horse battery", **by).user
person.email = markup
person.save()
person.identities.create(issuer=script, subject=markup)
invited = invitations.invite("guest", role="viewer", **by)
Invitation.objects.update(email=markup)
channel = alert_channels.add_channel("webhook", {{"name": markup, "address": "https://hooks.example.org/" + script}}, "0123456789abcdef", **by)
alert_rule = alert_rules.add_rule("unpriced", {{"name": markup, "subject": "model:hostile-model", "threshold": 1.0, "channels": [channel.slug]}}, **by)
settle(alert_rule, [Reading("model:hostile-model", 9.0, {{"models": [markup, script]}})], timezone.now())
incident = alert_rule.incidents.get()
incident.messages.update(attempts=8, next_attempt_at=None, error=markup)
spent = alert_rules.add_rule("budget", {{"name": script, "subject": f"end_user:{{end_user.pk}}", "threshold": 0.5, "window_minutes": 1}}, **by)
settle(spent, [Reading(spent.subject, 0.9, {{"period": "day", "spent_nusd": 9, "limit_nusd": 10}})], timezone.now())
close(spent.incidents.get(), timezone.now(), OVER)
repricing = reprice_history.preview_repricing("hostile-place", 1_790_000_000_000, 1_790_600_000_000, **by)
from routerapp.models import BenchmarkData, EvaluationReport, Job, PredictorVersion
single = {{"answered": 9, "quality": 0.5, "cost_usd": 0.001}}
BenchmarkData.objects.create(slug="hostile-benchmark", name=markup, state="ready", file_name=markup, sha256="0" * 64, file_bytes=9, prompts=900, rows=1800,
    model_names=[markup, script], singles={{markup: single, script: single}}, datasets={{markup: 900}})
BenchmarkData.objects.create(slug="hostile-failed", name=markup, state="failed", problem=markup, file_name="x.csv", sha256="1" * 64, file_bytes=9)
card, report = json.loads({json.dumps(a_card(MARKUP, ("hostile-model", SCRIPT)))!r}), json.loads({json.dumps(a_report(("hostile-model", SCRIPT)))!r})
evaluated = EvaluationReport.objects.create(subject=markup, benchmarks=[markup], pool=[markup], report=report)
PredictorVersion.objects.create(name="hostile-predictor", version=1, sha256="2" * 64, artefact=b"x", card={{**card, "report": evaluated.pk}})
training = Job.objects.create(kind="train_predictor", queue="long", state="cancelled", message=markup,
    arguments={{"name": markup, "benchmarks": [markup], "models": {{markup: script}}, "seed": 0, "leaves_one_out": True}})
from routerapp.models import Calibration, CalibrationAnswer, CalibrationPrompt
calibration = Calibration.objects.create(name=markup, state="grading", source="file", grading="people", deployments=["hostile-place", script], wanted=20, max_output_tokens=100, coverage={{"offered": 1, "chosen": 1, "clusters": 1}})
asked = CalibrationPrompt.objects.create(calibration=calibration, number=1, text=markup, document={{"messages": [{{"role": script, "content": markup}}, {{"role": "user", "content": markup}}]}})
CalibrationAnswer.objects.create(prompt=asked, deployment=script, language_model=markup, state="answered", text=script, problem=markup)
CalibrationAnswer.objects.create(prompt=asked, deployment="hostile-place", language_model="hostile-model", state="graded", grade=0.5, text=markup, cost_nusd=10_000)
from routerapp.models import LearnedScore, SetAsideVotes
taught = {{"mean": 0.8, "low": 0.7, "high": 0.9, "judgements": 120, "effective": 80.0, "prior_share": 0.1, "made_at_ms": 1_790_000_000_000, "set_aside": 9,
    "newest_ms": 1_790_000_000_000, "sources": {{"rating": {{"n": 120, "share": 0.6, "weight": 0.5}}, script: {{"n": 9, "share": 0.4, "weight": 1.0}}}}}}
for learned_model in ("hostile-model", "claude-haiku-5-5"):
    for learned_kind, subject in (("dimension", "code"), ("task", "code"), ("task", markup[:60])):
        LearnedScore.objects.create(language_model=learned_model, kind=learned_kind, subject=subject, **taught)
    SetAsideVotes.objects.create(voter=markup[:60], language_model=learned_model, reason="at_odds", votes=9, detail={{"mean": 0.1, "others": 0.9}}, made_at_ms=1)
print(json.dumps({{"calibration": calibration.pk, "training": training.pk, "evaluation": evaluated.pk, "incident": incident.pk, "incident_over": spent.incidents.get().pk, "alert_rule": alert_rule.slug, "alert_channel": channel.slug, "repricing": repricing.pk, "invitation": invited.row.pk, "invitation_token": invited.token, "draft": draft.pk, "rule": document["rules"][1]["id"], "empty_draft": Draft.objects.get(policy__slug="hostile-policy").pk, "key": key.row.slug, "end_user": end_user.pk, "full_key": key.full_key}}))
"""


def spoil(product: Product) -> dict[str, Any]:
    """Run before the product starts; draft, empty_draft, key, full_key."""
    facts: dict[str, Any] = json.loads(product.run_python(HOSTILE_WORKSPACE))
    return facts


def ask(product: Product, key: str, **body: Any) -> tuple[int, str]:
    """(status, decision id or "") of one request through the gateway."""
    content = {"model": "auto", "messages": [{"role": "user", "content": "hello there"}], **body}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{product.url}/v1/chat/completions", json.dumps(content).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers.get("x-router-decision-id", "")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-router-decision-id", "")


def send_traffic(product: Product, key: str) -> tuple[str, str, str]:
    """About seventy requests of which some fail, until they are recorded; the decision ids of an answered, a failed and a hostile one."""
    prompts = (
        "Write a haiku about trains.",
        "def f(x): return x + 1  # why?",
        "Translate: guten Morgen",
        "Mail jo@example.org",
    )
    answered = [
        ask(product, product.key, messages=[{"role": "user", "content": f"{prompts[n % 4]} {n}"}]) for n in range(32)
    ]
    failed = [ask(product, key, model="hostile-model") for _ in range(3)]
    hostile = [
        ask(
            product,
            key,
            messages=[{"role": "system", "content": SCRIPT}, {"role": "user", "content": f"{MARKUP} {SCRIPT}"}],
            metadata={"note": MARKUP, "link": SCRIPT},
            user=MARKUP,
        )
        for _ in range(2)
    ]
    split = [ask(product, product.key, model="policy/hostile-split", user=f"{MARKUP}{number}") for number in range(24)]
    for name in (MARKUP, SCRIPT):
        ask(product, key, model=name)
    ask(product, product.key, messages=[{"role": "user", "content": "free crypto with guaranteed returns"}])
    assert [status for status, _ in failed] == [502] * 3, failed
    product.wait_until_recorded(decision for _, decision in (*answered, *failed, *hostile, *split) if decision)
    return (
        next(decision for status, decision in answered if status == 200),
        failed[0][1],
        next(decision for status, decision in hostile if status == 200),
    )
