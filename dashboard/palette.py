"""What the command palette finds: pages, things people made, recent requests, and deeds. Bounded, by role, never a secret.

Everything it offers is a link; what changes something happens on the page behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from dashboard.roles import can
from dashboard.shell import Shell
from routerapp.models import APIKey, Deployment, Experiment, LanguageModel, Policy, Provider, RoutedRequest, Rule, User

LONGEST_QUERY = 100
MOST_OF_A_KIND = 6
FEWEST_ID_DIGITS = 4
_HEX = frozenset("0123456789abcdef-")


@dataclass(frozen=True, slots=True)
class Entry:
    """theme: not a link but a button of the theme form."""

    label: str
    url: str = ""
    detail: str = ""
    icon: str = ""
    theme: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    entries: tuple[Entry, ...]


# Label, URL name, what else it is found by, the action its page serves.
_DEEDS = (
    ("New policy", "policy-create", "add make rules", "create_policy"),
    ("New API key", "key-create", "add make create", "edit_key"),
    ("Add a provider", "provider-create", "new vendor credential", "edit_provider"),
    ("New language model", "language-model-create", "add", "edit_language_model"),
    ("New deployment", "deployment-create", "add", "edit_deployment"),
    ("New experiment", "experiment-create", "add make test compare arms", "edit_draft"),
    ("Invite somebody", "invitation-create", "new user person", "edit_people"),
    ("Set up step by step", "welcome", "wizard welcome first run begin", "edit_settings"),
    ("Your account", "account", "password second factor sessions", "read"),
    ("API description", "", "openapi rest docs", "read"),
)
_THEMES = (("Light theme", "light"), ("Dark theme", "dark"), ("Theme of the system", "system"))


def find_entries(request: HttpRequest, query: str) -> list[Group]:
    """In a fixed order; without a query the pages and the deeds."""
    words = _words(query)
    groups = [
        Group("Pages", tuple(_pages(request, words))),
        Group("Do", tuple(_deeds(request, words))),
    ]
    if words:
        groups += [Group(name, tuple(entries)) for name, entries in _made(request, words)]
        groups.append(Group("Requests", tuple(_requests(query))))
    return [group for group in groups if group.entries]


def _words(query: str) -> list[str]:
    """At most eight, printable: what the database cannot store it cannot find either."""
    text = "".join(one if one.isprintable() else " " for one in query[:LONGEST_QUERY])
    return text.lower().split()[:8]


def _matches(words: Iterable[str], *texts: str) -> bool:
    text = " ".join(texts).lower()
    return all(word in text for word in words)


def _pages(request: HttpRequest, words: list[str]) -> Iterator[Entry]:
    for item in Shell(request).navigation:
        if _matches(words, item.label, "go to page"):
            yield Entry(item.label, item.url, icon=item.icon)


def _deeds(request: HttpRequest, words: list[str]) -> Iterator[Entry]:
    for label, name, also, action in _DEEDS:
        if can(request, action) and _matches(words, label, also):
            yield Entry(
                label, reverse(f"dashboard:{name}") if name else "/api/docs/", icon="plus" if "ew" in label else ""
            )
    yield from _publishable(request, words)
    for label, theme in _THEMES:
        if _matches(words, label, "switch appearance colour"):
            yield Entry(label, theme=theme)


def _publishable(request: HttpRequest, words: list[str]) -> Iterator[Entry]:
    """Drafts of open policies, for whom may publish them."""
    if not words or not can(request, "publish_policy"):
        return
    rows = Policy.objects.filter(archived_at=None, drafts__isnull=False)
    for slug, name, draft, title in rows.values_list("slug", "name", "drafts__pk", "drafts__name")[:200]:
        if _matches(words, "publish draft", name, slug, title):
            address = reverse("dashboard:draft-changes", kwargs={"slug": slug, "draft_id": draft})
            yield Entry(f"Publish {name} …", address, f"draft “{title}”", "policies")


def _made(request: HttpRequest, words: list[str]) -> Iterator[tuple[str, list[Entry]]]:
    yield "Policies", _found(Policy.objects.filter(archived_at=None), words, ("name", "slug"), _policy)
    rules = Rule.objects.filter(version__policy__archived_at=None, version__policy__live_version=F("version"))
    yield "Rules", _found(rules.select_related("version__policy"), words, ("name", "rule_id"), _rule)
    yield "Experiments", _found(Experiment.objects.all(), words, ("name", "slug"), _experiment)
    yield "Models", _found(LanguageModel.objects.filter(archived_at=None), words, ("name", "slug", "vendor"), _model)
    deployments = Deployment.objects.filter(archived_at=None).select_related("language_model", "provider")
    yield "Deployments", _found(deployments, words, ("name", "slug"), _deployment)
    yield "Providers", _found(Provider.objects.filter(archived_at=None), words, ("name", "slug"), _provider)
    if can(request, "read_keys"):
        yield "Keys", _found(APIKey.objects.filter(revoked_at=None), words, ("name", "slug"), _key)
    if can(request, "read_people"):
        yield "Users", _found(User.objects.all(), words, ("username",), _user)


def _found(
    rows: QuerySet[Any], words: list[str], columns: tuple[str, ...], entry: Callable[[Any], Entry]
) -> list[Entry]:
    for word in words:
        either = Q()
        for column in columns:
            either |= Q(**{f"{column}__icontains": word})
        rows = rows.filter(either)
    return [entry(row) for row in rows.order_by(columns[0])[:MOST_OF_A_KIND]]


def _policy(row: Policy) -> Entry:
    return Entry(row.name, reverse("dashboard:policy-detail", args=[row.slug]), f"policy/{row.slug}", "policies")


def _rule(row: Rule) -> Entry:
    policy = row.version.policy
    return Entry(
        row.name or row.rule_id, reverse("dashboard:policy-detail", args=[policy.slug]), policy.name, "policies"
    )


def _model(row: LanguageModel) -> Entry:
    return Entry(row.name, reverse("dashboard:language-model-detail", args=[row.slug]), row.slug, "models")


def _experiment(row: Experiment) -> Entry:
    return Entry(row.name, reverse("dashboard:experiment-detail", args=[row.slug]), row.slug, "experiments")


def _deployment(row: Deployment) -> Entry:
    address = reverse("dashboard:deployment-detail", args=[row.slug])
    return Entry(row.name, address, f"{row.slug}, {row.provider.name}", "models")


def _provider(row: Provider) -> Entry:
    return Entry(row.name, reverse("dashboard:provider-detail", args=[row.slug]), row.get_kind_display(), "providers")


def _key(row: APIKey) -> Entry:
    return Entry(row.name, reverse("dashboard:key-edit", args=[row.slug]), f"…{row.last_four}", "keys")


def _user(row: User) -> Entry:
    return Entry(row.username, reverse("dashboard:user-detail", args=[row.username]), row.get_role_display(), "users")


def _requests(query: str) -> Iterator[Entry]:
    """By the beginning of the id, newest first."""
    text = query.strip().lower()
    if not FEWEST_ID_DIGITS <= len(text) <= 36 or set(text) - _HEX:
        return
    rows = RoutedRequest.objects.filter(id__gte=text, id__lt=text + "g").order_by("-id")
    for row in rows[:MOST_OF_A_KIND]:
        detail = f"{row.get_status_display()}, {row.language_model or 'no model'}"
        yield Entry(row.id, reverse("dashboard:request-detail", args=[row.id]), detail, "requests")
