"""Checks of what people set: the snapshot, policies, credentials, prices, egress, and settings that are weak in the open."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from routerapp.engine.problems import ConfigError, PolicyError
from routerapp.models import Credential, Deployment, HealthCheck, InstallationState, Provider, ProviderKind, User
from routerapp.serving.checkup.finding import Finding, some, well, worth_a_look, wrong
from routerapp.serving.policy_checks import broken_policies
from routerapp.store.secrets import SecretRefused, decrypt_credential
from routerapp.store.snapshot import load_snapshot

RECENT = dt.timedelta(minutes=10)
WIDE_PREFIX = {4: 8, 6: 32}


def snapshot() -> Iterator[Finding]:
    try:
        found = load_snapshot()
    except (ConfigError, PolicyError) as error:
        yield wrong(
            "snapshot",
            f"The configuration cannot be read: {error}",
            "Workers go on with the last good one. Undo the last change.",
        )
        return
    config = found.config
    yield well(
        "snapshot", f"{len(config.deployments)} deployments, {len(config.policies)} policies, {len(found.keys)} keys"
    )
    broken = broken_policies(config)
    if broken:
        slug, problems = next(iter(broken.items()))
        yield worth_a_look(
            "policies",
            f"Could not be published again: {some(broken)}. {slug}: {problems[0].message}",
            "Edit them; until then they are served as they are.",
        )
    elif not config.default_policy:
        yield worth_a_look("policies", "No policy is the default, so `auto` is refused.", "Make a policy the default.")
    else:
        yield well("policies", "All could be published again")


def credentials() -> Iterator[Finding]:
    used = Provider.objects.filter(archived_at=None, is_enabled=True, deployments__archived_at=None).exclude(
        kind=ProviderKind.SIMULATED
    )
    unreadable = []
    for row in Credential.objects.select_related("provider"):
        try:
            decrypt_credential(row.provider.slug, row.ciphertext)
        except SecretRefused:
            unreadable.append(row.provider.slug)
    missing = set(used.filter(credential=None).values_list("slug", flat=True))
    if unreadable:
        yield wrong("credentials", f"Cannot be decrypted: {some(unreadable)}", "Enter them anew.")
    if missing:
        yield worth_a_look(
            "credentials", f"None entered for: {some(missing)}", "Enter one, unless that server needs none."
        )
    if not unreadable and not missing:
        yield well("credentials", "Every provider in use has one that can be read")


def prices() -> Iterator[Finding]:
    enabled = Deployment.objects.filter(archived_at=None, is_enabled=True, provider__is_enabled=True)
    priced = enabled.filter(prices__valid_from__lte=timezone.now())
    unpriced = set(enabled.values_list("slug", flat=True)) - set(priced.values_list("slug", flat=True))
    if unpriced:
        yield worth_a_look(
            "prices", f"Unpriced: {some(unpriced)}", "Add prices: their cost is unknown and budgets cannot hold."
        )
    else:
        yield well("prices", "Every enabled deployment has a price")


def egress() -> Iterator[Finding]:
    allowed = settings.ENVIRONMENT.egress_allow
    wide = [entry for entry in allowed if _is_wide(entry)]
    if wide:
        yield worth_a_look(
            "egress",
            f"Very wide: {some(wide)}",
            "List the hosts you need: a provider's address could reach everything else there.",
        )
    else:
        yield well(
            "egress", f"Private hosts allowed: {', '.join(allowed)}" if allowed else "No private host is allowed"
        )


def reachability() -> Iterator[Finding]:
    """By the newest health check of each deployment; old ones say nothing."""
    newest: dict[str, HealthCheck] = {}
    for row in HealthCheck.objects.filter(at__gt=timezone.now() - RECENT).select_related("deployment").order_by("at"):
        newest[row.deployment.slug] = row
    down = {slug: row.error_class for slug, row in newest.items() if not row.ok}
    if not newest:
        yield worth_a_look("reachability", "No health check in the last ten minutes.", "Run `doctor --reach`.")
    elif down:
        words = some(f"{slug} ({error})" for slug, error in down.items())
        yield worth_a_look("reachability", f"No answer from: {words}", "Test the provider on its page.")
    else:
        yield well("reachability", f"All {len(newest)} deployments answered")


def weak_settings() -> Iterator[Finding]:
    environment = settings.ENVIRONMENT
    found = []
    is_open = not ipaddress.ip_address(environment.host).is_loopback
    if is_open and not environment.is_https:
        found.append(
            (
                "It listens beyond this machine without HTTPS.",
                "Put a proxy with TLS in front and set SIGNALBOX_PUBLIC_URL.",
            )
        )
    if is_open and not environment.observability.metrics_token:
        found.append(
            (
                "Only this machine and API keys that may read can read /metrics; a scraper has no token of its own.",
                "Set SIGNALBOX_METRICS_TOKEN.",
            )
        )
    if User.objects.filter(is_active=True, must_change_password=True).exists():
        found.append(("Somebody still has the password made up for them.", "Have them sign in once."))
    if InstallationState.objects.filter(sample_data=True).exists():
        found.append(("The sample data is still here.", "Remove it in the sidebar before real traffic."))
    for message, to_do in found:
        yield worth_a_look("settings", message, to_do)
    if not found:
        yield well("settings", "Nothing weak found")


def _is_wide(entry: str) -> bool:
    try:
        network = ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
    return network.prefixlen < WIDE_PREFIX[network.version]
