"""Providers as the page shows them: what stands on them, how they are now, what went wrong last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Max
from django.utils import timezone

from routerapp.models import AttemptRollup, Deployment, Granularity, HealthCheck, Provider
from routerapp.providers.presets import presets
from routerapp.serving.deployment_state import LiveReading, read_live
from routerapp.store.config_document import unix_ms
from routerapp.store.deployment_health import latest_checks

ERRORS_OF_MS = 7 * 86_400_000
ERROR_WORDS: Mapping[str, str] = {
    "rate_limited": "rate limited",
    "upstream_unavailable": "upstream failed",
    "credential_rejected": "credential refused",
    "credential_unreadable": "credential cannot be decrypted",
    "model_gone": "model or path unknown",
    "connect_failed": "could not be reached",
    "tls_failed": "TLS failed",
    "timeout": "took too long",
    "connect_timeout": "no connection in time",
    "first_token_timeout": "no first token in time",
    "idle_timeout": "fell silent",
    "total_timeout": "took too long",
    "stream_broken": "broke off",
    "bad_answer": "unreadable answer",
    "answer_too_large": "answer too large",
    "egress_refused": "address not allowed",
    "upstream_rejected": "refused the request",
    "context_too_long": "prompt too long",
}


@dataclass(frozen=True, slots=True)
class DeploymentLine:
    deployment: Deployment
    check: HealthCheck | None
    live: LiveReading

    @property
    def health(self) -> tuple[str, str]:
        """(words, tone): the breaker first, then the newest check."""
        if not self.deployment.is_enabled:
            return "disabled", ""
        if self.live.breaker != "closed":
            return f"breaker {self.live.breaker.replace('_', '-')}", "bad" if self.live.breaker == "open" else "warn"
        if self.check is None:
            return "not checked yet", ""
        if self.check.ok:
            return "answers", "ok"
        return error_words(self.check.error_class), "bad"


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """last_error: (error class in words, hour it was in, ms), of the last seven days."""

    provider: Provider
    vendor: str
    deployments: tuple[DeploymentLine, ...]
    last_error: tuple[str, int] | None

    @property
    def health(self) -> tuple[str, str]:
        """Of what is enabled: all well, some, or none."""
        if not self.provider.is_enabled:
            return "disabled", ""
        lines = [line for line in self.deployments if line.deployment.is_enabled]
        if not lines:
            return "nothing to check", ""
        states = [line.health[1] for line in lines]
        well = states.count("ok")
        if not any(states):
            return "not checked yet", ""
        if well == len(lines):
            return "all answer" if well > 1 else "answers", "ok"
        return f"{well} of {len(lines)} answer", "bad" if well == 0 else "warn"

    @property
    def credential(self) -> tuple[str, str]:
        """(words, tone). Never more than the last four characters."""
        stored = getattr(self.provider, "credential", None)
        if stored is not None:
            return (f"…{stored.last_four}" if stored.last_four else "stored"), ""
        preset = presets().get(self.provider.preset)
        if preset is not None and preset.needs_credential:
            return "missing", "warn"
        return "none", ""


def error_words(error_class: str) -> str:
    return ERROR_WORDS.get(error_class, error_class.replace("_", " ") or "failed")


def provider_lines(providers: Sequence[Provider]) -> list[ProviderLine]:
    rows = list(
        Deployment.objects.filter(provider__in=providers, archived_at=None)
        .select_related("language_model", "provider")
        .order_by("slug")
    )
    checks, live = latest_checks([row.slug for row in rows]), read_live()
    errors = _last_errors([provider.slug for provider in providers])
    return [
        ProviderLine(
            provider,
            vendor_of(provider),
            tuple(
                DeploymentLine(row, checks.get(row.slug), live.get(row.slug, LiveReading()))
                for row in rows
                if row.provider_id == provider.pk
            ),
            errors.get(provider.slug),
        )
        for provider in providers
    ]


def vendor_of(provider: Provider) -> str:
    preset = presets().get(provider.preset)
    return preset.label if preset else provider.get_kind_display()


def _last_errors(slugs: Sequence[str]) -> dict[str, tuple[str, int]]:
    since_ms = unix_ms(timezone.now()) - ERRORS_OF_MS
    rows = (
        AttemptRollup.objects.filter(granularity=Granularity.HOUR, starts_at_ms__gte=since_ms, provider__in=list(slugs))
        .exclude(error_class="")
        .values_list("provider", "error_class")
        .annotate(last=Max("starts_at_ms"))
        .order_by("last")
    )
    return {provider: (error_words(error), last) for provider, error, last in rows}
