"""The life of an installation: what its first start writes, once, and taking the sample data out again.

The sample data itself is made elsewhere; everything of it carries is_sample or the origin `sample`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from routerapp.environment import Environment
from routerapp.models import (
    Alias,
    APIKey,
    AttemptRollup,
    AttemptRow,
    Body,
    Credential,
    DecisionInputs,
    DecisionTrace,
    Deployment,
    Dimension,
    Experiment,
    ExperimentState,
    Feedback,
    InstallationState,
    LanguageModel,
    Origin,
    Policy,
    Provider,
    RequestRollup,
    Role,
    RoutedRequest,
    RuleRollup,
    TotalRollup,
    User,
)
from routerapp.serving import audit
from routerapp.serving.alerts.defaults import make_default_rules
from routerapp.serving.changes import changing, save_valid
from routerapp.serving.manage_keys import create_key
from routerapp.serving.permissions import SYSTEM, Actor
from routerapp.serving.policy_templates import template_document
from routerapp.serving.publish_policy import write_version
from routerapp.store.secrets import check_canary

ADMIN_NAME = "admin"
DEFAULT_POLICY = "default"
BATCH_ROWS = 500

# Slug, name, description; the slugs are those the engine's task classes are judged on.
DIMENSIONS = (
    ("accuracy", "Accuracy", "Right and complete answers to plain questions."),
    ("reasoning", "Reasoning", "Many steps, kept in order to the end."),
    ("code", "Code", "Programs that run and changes that fit."),
    ("math", "Mathematics", "Calculations and proofs."),
    ("creativity", "Creativity", "Fresh, fitting and well-written text."),
    ("summarization", "Summarizing", "Short, faithful, nothing important left out."),
    ("translation", "Translation", "Faithful and natural in other languages."),
    ("extraction", "Extraction", "Facts pulled out of text into a given shape."),
    ("ethics", "Ethics", "Declines what harms, helps with what does not."),
)


@dataclass(frozen=True, slots=True)
class FirstStart:
    """Secrets to print once; both None when this was not the first start."""

    admin_password: str | None = field(repr=False)
    api_key: str | None = field(repr=False)


def has_deployments() -> bool:
    """Whether there is anything a prompt could be routed to."""
    return Deployment.objects.filter(archived_at=None, is_enabled=True).exists()


def first_start(environment: Environment) -> FirstStart:
    """Admin, first key, dimensions, and a plain default policy when no demo follows. Does nothing from the second time on.

    Of two processes starting at once one does the work; the other waits for it and gets nothing to print.
    """
    check_canary()
    with transaction.atomic():
        state = audit.lock_installation()
        if state.settings.get("first_started_at"):
            return FirstStart(None, None)
        demo = "wanted" if environment.is_demo else "refused"
        state.settings = {**state.settings, "first_started_at": timezone.now().isoformat(), "demo": demo}
        state.save(update_fields=["settings"])
        password = environment.admin_password or secrets.token_urlsafe(12)
        _make_admin(password, must_change=environment.admin_password is None)
        with changing(SYSTEM, "edit_settings", "installation", event="first_start") as change:
            for position, (slug, name, description) in enumerate(DIMENSIONS):
                Dimension.objects.get_or_create(
                    slug=slug, defaults={"name": name, "description": description, "position": position}
                )
            if not environment.is_demo:
                make_plain_default()
            change.after = {"demo": environment.is_demo}
        make_default_rules()
        key = create_key("First key", scopes=["chat", "policy:pin"], by=Actor(ADMIN_NAME, "user", Role.ADMIN))
    return FirstStart(None if environment.admin_password else password, key.full_key)


def make_plain_default() -> Policy:
    """A default policy that takes the cheapest of everything there is, also of nothing yet. Inside the caller's change."""
    slug = DEFAULT_POLICY
    while Policy.objects.filter(slug=slug).exists():
        slug = f"{DEFAULT_POLICY}-{secrets.token_hex(2)}"
    Policy.objects.filter(is_default=True).update(is_default=False)
    policy = Policy(slug=slug, name="Default", description="The cheapest that can answer.", is_default=True)
    save_valid(policy)
    write_version(policy, template_document("blank", slug), "The first version", SYSTEM)
    return policy


def remove_sample_data(*, by: Actor) -> int:
    """Take out the demo: its catalogue and policies are archived at once, then its traffic goes in short batches.

    Returns how many requests went. Safe to run again after an interruption.
    """
    with changing(by, "remove_sample_data", "installation") as change:
        change.after = {"policies": _archive_sample_policies(), "deployments": _archive_sample_catalog()}
    removed = 0
    while batch := _remove_requests():
        removed += batch
    for rollup in (RequestRollup, RuleRollup, TotalRollup, AttemptRollup):
        while _remove_rollups(rollup):
            continue
    with changing(by, "remove_sample_data", "installation", event="sample_data_removed") as change:
        InstallationState.objects.filter(id=1).update(sample_data=False)
        change.after = {"requests": removed}
    return removed


def _make_admin(password: str, *, must_change: bool) -> None:
    """An admin exists already when the tables were filled by other means; then nobody is made."""
    if User.objects.filter(username=ADMIN_NAME).exists():
        return
    user = User(username=ADMIN_NAME, role=Role.ADMIN, is_staff=True, must_change_password=must_change)
    user.set_password(password)
    user.save()


def _archive_sample_policies() -> list[str]:
    sample = Policy.objects.filter(is_sample=True, archived_at=None)
    slugs = list(sample.values_list("slug", flat=True))
    if sample.filter(is_default=True).exists():
        make_plain_default()
    # Keys of the demo have no maker, and nobody was ever given one.
    made_by_demo = APIKey.objects.filter(created_by=None, name__startswith="Sample ", last_used_at=None)
    made_by_demo.filter(revoked_at=None).update(revoked_at=timezone.now())
    APIKey.objects.filter(default_policy__slug__in=slugs).update(default_policy=None)
    Alias.objects.filter(target__in=[f"policy:{slug}" for slug in slugs]).delete()
    Experiment.objects.filter(policy__slug__in=slugs, state=ExperimentState.RUNNING).update(
        state=ExperimentState.STOPPED, stopped_at=timezone.now()
    )
    sample.update(archived_at=timezone.now(), is_default=False)
    return slugs


def _archive_sample_catalog() -> list[str]:
    """Sample deployments go; a sample model or provider that real deployments were put on stays and is theirs now."""
    now = timezone.now()
    sample = Deployment.objects.filter(is_sample=True, archived_at=None)
    slugs = list(sample.values_list("slug", flat=True))
    sample.update(archived_at=now)
    targets = [f"deployment:{slug}" for slug in slugs]
    for table, kind in ((LanguageModel, "model"), (Provider, "provider")):
        rows = table.objects.filter(is_sample=True, archived_at=None)
        in_use = rows.filter(deployments__archived_at=None, deployments__isnull=False)
        rows.filter(pk__in=list(in_use.values_list("pk", flat=True))).update(is_sample=False)
        targets += [f"{kind}:{slug}" for slug in rows.values_list("slug", flat=True)]
        rows.update(archived_at=now)
    Alias.objects.filter(target__in=targets).delete()
    Credential.objects.filter(provider__is_sample=True).delete()
    return slugs


@transaction.atomic
def _remove_requests() -> int:
    """One batch of sample requests with all that hangs on them."""
    ids = list(RoutedRequest.objects.filter(origin=Origin.SAMPLE).values_list("pk", flat=True)[:BATCH_ROWS])
    for table in (AttemptRow, DecisionInputs, DecisionTrace, Body, Feedback):
        table.objects.filter(request_id__in=ids).delete()
    RoutedRequest.objects.filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic
def _remove_rollups(rollup: type[RequestRollup] | type[RuleRollup] | type[TotalRollup] | type[AttemptRollup]) -> int:
    ids = list(rollup.objects.filter(origin=Origin.SAMPLE).values_list("pk", flat=True)[:BATCH_ROWS])
    rollup.objects.filter(pk__in=ids).delete()
    return len(ids)
