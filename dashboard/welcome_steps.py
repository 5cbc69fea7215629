"""The steps of the first-run wizard and how far somebody has come: read off what exists, so that going back, leaving and returning need no memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from dashboard.fragments import render_page
from routerapp.models import APIKey, Deployment, InstallationState, Policy, Provider
from routerapp.serving.policy_checks import publish_problems
from routerapp.serving.publish_template import untouched_default
from routerapp.serving.welcome import newest_live_request

FIRST_KEY = "first-key"


@dataclass(frozen=True, slots=True)
class Step:
    """number counts from 1; is_done never hinders: every step can be visited at any time."""

    name: str
    label: str
    number: int
    url: str
    is_done: bool
    is_current: bool


def _has_password(request: HttpRequest) -> bool:
    return not getattr(request.user, "must_change_password", False)


def _has_provider(request: HttpRequest) -> bool:
    return Provider.objects.filter(archived_at=None, is_enabled=True).exists()


def _has_deployment(request: HttpRequest) -> bool:
    return Deployment.objects.filter(archived_at=None, is_enabled=True, provider__is_enabled=True).exists()


def _has_policy(request: HttpRequest) -> bool:
    """Somebody's own choice, or the sample's; the one of the first start is nobody's."""
    policy = Policy.objects.select_related("live_version").filter(is_default=True, archived_at=None).first()
    if policy is None or policy.live_version is None or untouched_default() is not None:
        return False
    return not publish_problems(policy.live_version.document)


def _has_key(request: HttpRequest) -> bool:
    """One that a person made, or the first one once it was used."""
    keys = APIKey.objects.filter(revoked_at=None, created_by__isnull=False)
    return keys.exclude(slug=FIRST_KEY, last_used_at=None).exists()


def _has_request(request: HttpRequest) -> bool:
    return newest_live_request() is not None


_STEPS: tuple[tuple[str, str, Callable[[HttpRequest], bool]], ...] = (
    ("password", "Password", _has_password),
    ("provider", "Provider", _has_provider),
    ("models", "Models", _has_deployment),
    ("policy", "Policy", _has_policy),
    ("key", "API key", _has_key),
    ("request", "First request", _has_request),
)
NAMES = tuple(name for name, _, _ in _STEPS)


def steps_of(request: HttpRequest, current: str = "") -> list[Step]:
    return [
        Step(name, label, number, reverse(f"dashboard:welcome-{name}"), is_done(request), name == current)
        for number, (name, label, is_done) in enumerate(_STEPS, 1)
    ]


def step_page(
    request: HttpRequest,
    current: str,
    context: dict[str, Any] | None = None,
    *,
    template: str = "",
    fragments: tuple[str, ...] = (),
    status: int = 200,
) -> HttpResponse:
    """A page of the wizard: its own part of the context and what all of them show."""
    steps = steps_of(request, current)
    place = NAMES.index(current) if current else -1
    shown = {
        "steps": steps,
        "step": steps[place] if current else None,
        "before": steps[place - 1] if place > 0 else None,
        "after": steps[place + 1] if 0 <= place < len(steps) - 1 else None,
        "upcoming": next((one for one in steps if not one.is_done), None),
        "is_demo": has_demo(),
    }
    name = template or f"dashboard/welcome/{current}.html"
    return render_page(request, name, shown | (context or {}), fragments=fragments, status=status)


def has_demo() -> bool:
    """Whether the sample workspace is here, with policies of its own. Simulated models alone are not that."""
    is_sample = InstallationState.objects.filter(pk=1, sample_data=True).exists()
    return is_sample and Policy.objects.filter(is_sample=True, archived_at=None).exists()
