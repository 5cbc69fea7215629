"""Rows whose every free text is an attack on the page that shows it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from routerapp.models import (
    AlertChannel,
    AlertRule,
    Alias,
    Draft,
    EndUserAllowance,
    Invitation,
    Job,
    LanguageModel,
    LearnedScore,
    SetAsideVotes,
    TaskClass,
    TaskHeadVersion,
)
from routerapp.serving import experiments
from routerapp.serving.permissions import SYSTEM
from tests import factories
from tests.calibrated import a_queue
from tests.dashboard.recorded import record_traffic
from tests.learned_documents import a_card, a_report
from tests.learned_rows import a_benchmark, a_predictor, an_evaluation

MARKUP = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"
ADDRESS = "javascript:alert(1)//"
CONDITION = {"field": "text", "op": "contains", "value": MARKUP}
RULES = [
    {"id": "r1", "name": MARKUP, "when": CONDITION, "use": {"reject": MARKUP}},
    {
        "id": "r2",
        "name": ADDRESS,
        "when": {"not": CONDITION},
        "use": {"pool": ["all"], "strategy": {"kind": "fastest"}},
    },
]


def a_hostile_workspace(folder: Path) -> list[str]:
    """Returns the ids of the recorded requests."""
    provider = factories.a_provider(slug="acme", name=MARKUP, credential="sk-canary-credential")
    for slug, name in (("gpt-small", MARKUP), ("gpt-large", ADDRESS)):
        model = factories.a_language_model(slug=slug, name=name, scores={"accuracy": 0.5})
        deployment = factories.a_deployment(
            slug=f"acme-{slug}", name=name, provider=provider, language_model=model, upstream_model=ADDRESS
        )
        deployment.region = ADDRESS
        deployment.save()
    factories.a_key(slug="web", name=MARKUP)
    EndUserAllowance.objects.create(user_hash="1" * 32, label=MARKUP, daily_spend_nusd=1)
    Alias.objects.create(name=ADDRESS, target="model:gpt-small")
    person = factories.a_user("viewer", username="javascript@evil.example", team=factories.a_team(name=MARKUP))
    person.email = MARKUP
    person.save()
    person.identities.create(issuer=ADDRESS, subject=MARKUP)
    invitation = Invitation(username="eve", email=MARKUP, role="viewer", team=person.team, token_hash="0" * 64)
    invitation.expires_at = timezone.now() + timedelta(days=1)
    invitation.save()
    policy = factories.a_policy(factories.a_document("support", rules=RULES), name=MARKUP, is_default=True)
    factories.a_version(policy, factories.a_document("support", rules=RULES[:1]))
    factories.a_draft(policy, factories.a_document("support", rules=RULES[::-1]))
    _experiments()
    _learned()
    fresh = factories.models.Policy.objects.create(slug="fresh", name=ADDRESS)
    Draft.objects.create(policy=fresh, base_version=0, document=factories.a_document("fresh"))
    channel = AlertChannel.objects.create(
        slug="hook", name=MARKUP, kind="webhook", address="https://hooks.example.org/x"
    )
    rule = AlertRule.objects.create(slug="watched", name=MARKUP, kind="unpriced", subject=ADDRESS, threshold=1)
    incident = rule.incidents.create(
        subject=MARKUP, value=2, detail={"reading": {"models": [MARKUP]}}, opened_at=timezone.now()
    )
    incident.messages.create(channel=channel, event="opened", attempts=8, error=MARKUP)
    factories.record_config_revision("hostile")
    ids = record_traffic(
        folder,
        {"requested_model": MARKUP, "rule_name": MARKUP},
        {"requested_model": ADDRESS, "rule_name": ADDRESS, "status": "upstream_error"},
        {"model": MARKUP, "is_priced": False},
    )
    spoken = factories.a_request(
        requested_model=MARKUP,
        deployment=MARKUP,
        chat={"messages": [{"role": "user", "content": MARKUP}]},
        answer=MARKUP,
    )
    factories.an_attempt(spoken, error_class="BadAnswer", error_message=MARKUP)
    return [*ids, spoken.id]


def _learned() -> None:
    """A benchmark with a file's own words, a predictor and a report made of it, a training that runs and one that failed."""
    single = {"answered": 9, "quality": 0.5, "cost_usd": None}
    named = {"model_names": [MARKUP, ADDRESS], "singles": {MARKUP: single, ADDRESS: single}, "datasets": {MARKUP: 9}}
    a_benchmark(slug="hostile-benchmark", name=MARKUP, file_name=MARKUP, **named)
    a_benchmark(name=ADDRESS, state="failed", problem=MARKUP)
    a_predictor(name="hostile-predictor", card=a_card(MARKUP, (MARKUP, ADDRESS)))
    a_queue(MARKUP[:90])
    an_evaluation(subject=MARKUP, benchmarks=[MARKUP], pool=[MARKUP], report=a_report((MARKUP, ADDRESS)))
    arguments = {"name": MARKUP, "benchmarks": [MARKUP], "models": {MARKUP: MARKUP}}
    Job.objects.create(kind="train_predictor", arguments=arguments, state="running", message=MARKUP)
    learned = {"mean": 0.8, "low": 0.7, "high": 0.9, "judgements": 9, "effective": 8.0, "prior_share": 0.1}
    named = {"subject": MARKUP[:60], "sources": {MARKUP: {"n": 9, "share": 1.0, "weight": 1.0}}, "made_at_ms": 1}
    for model in LanguageModel.objects.values_list("slug", flat=True):
        LearnedScore.objects.create(language_model=model, kind="task", **learned, **named)
        SetAsideVotes.objects.create(voter=MARKUP[:60], language_model=model, reason="at_odds", votes=9, made_at_ms=1)
    TaskClass.objects.create(slug="code", words=MARKUP, examples=[MARKUP])
    TaskHeadVersion.objects.create(version=1, sha256="e" * 64, artefact=b"none", card={"figures": {}})
    Job.objects.create(kind="fit_task_head", arguments={"by": MARKUP}, state="failed", message=MARKUP)


def _experiments() -> None:
    """One that runs and was decided, with traffic in both arms, and one not started."""
    halves = factories.a_policy(factories.a_document("halves"), name=MARKUP)
    arms = (
        {"name": "control", "weight": 1},
        {"name": "treatment", "weight": 1, "use": halves.live_version.document["default"]},
    )
    for slug, policy in (("hostile-running", "halves"), ("hostile-draft", "support")):
        wanted = experiments.NewExperiment(slug, MARKUP, policy, "default", arms, MARKUP)
        experiments.create_experiment(wanted, by=SYSTEM)
    experiments.start_experiment("hostile-running", note=MARKUP, by=SYSTEM)
    experiments.decide_experiment("hostile-running", arm="treatment", note=MARKUP, by=SYSTEM)
    now_ms = int(timezone.now().timestamp() * 1000)
    for arm in ("control", "treatment"):
        factories.a_request(experiment="hostile-running", arm=arm, unit=arm, at_ms=now_ms, attempts=1, inputs=None)
