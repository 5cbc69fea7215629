"""Active health checks: asks every enabled deployment's upstream for its models and keeps the answers as rows.

Deployments that share address and credential share one question. Simulated ones answer from their own script of outages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.conf import settings

from routerapp.models import Deployment, HealthCheck, Job, ProviderKind
from routerapp.providers.control import control_client
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import BadAnswer, FirstTokenTimeout, RateLimited, StreamBroken, UpstreamUnavailable
from routerapp.providers.health import Health, check_models
from routerapp.providers.model_lists import Question, models_question
from routerapp.store.config_document import unix_ms
from routerapp.store.secrets import SecretRefused, decrypt_credential

AT_ONCE = 8
# What a real upstream in that state would be recorded as; everything else is a plain 5xx.
OUTAGE_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "429": RateLimited.error_class,
        "timeout": FirstTokenTimeout.error_class,
        "hang": FirstTokenTimeout.error_class,
        "reset": StreamBroken.error_class,
        "rubbish": BadAnswer.error_class,
    }
)


def check_deployments(job: Job, now: datetime) -> str:
    """The body of job `health_check`; returns a sentence for the job's row."""
    rows = list(
        Deployment.objects.filter(is_enabled=True, archived_at=None, provider__is_enabled=True)
        .select_related("provider", "provider__credential")
        .order_by("slug")
    )
    questions = {row.pk: _question(row) for row in rows if row.provider.kind != ProviderKind.SIMULATED}
    answers = _ask({question for question in questions.values() if isinstance(question, tuple)})
    checks = []
    for row in rows:
        question = questions.get(row.pk)
        if question is None:
            health = _simulated(row.simulation, unix_ms(now))
        else:
            health = answers[question] if isinstance(question, tuple) else question
        checks.append(
            HealthCheck(
                deployment=row, at=now, ok=health.ok, latency_ms=health.latency_ms, error_class=health.error_class
            )
        )
    HealthCheck.objects.bulk_create(checks)
    return f"{sum(check.ok for check in checks)} of {len(checks)} deployments answered."


def _question(row: Deployment) -> Question | Health:
    """What to ask, or why nothing can be asked."""
    base_url = row.base_url or row.provider.base_url
    stored = getattr(row.provider, "credential", None)
    try:
        credential = decrypt_credential(row.provider.slug, stored.ciphertext) if stored else None
    except SecretRefused:
        return Health(False, None, "credential_unreadable")
    return models_question(row.provider.kind, base_url, credential, row.provider.options)


def _ask(questions: Iterable[Question]) -> Mapping[Question, Health]:
    """Each question once, a few at a time; threads see no database."""
    asked = list(questions)
    if not asked:
        return {}
    guard = EgressGuard(settings.ENVIRONMENT.egress_allow)
    with control_client(guard) as client, ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        answers = threads.map(lambda question: check_models(client, question), asked)
        return dict(zip(asked, answers, strict=True))


def _simulated(script: Mapping[str, Any], now_ms: int) -> Health:
    for outage in script.get("outages", ()):
        if outage.get("from_ms", 0) <= now_ms < outage.get("to_ms", 0):
            return Health(False, None, OUTAGE_CLASSES.get(str(outage.get("error")), UpstreamUnavailable.error_class))
    return Health(True, round(float(script.get("ttft_ms", {}).get("p50", 0))))
