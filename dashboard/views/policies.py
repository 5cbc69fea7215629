"""Policies: the list, one policy with its timeline, making a new one, starting a draft, choosing the default."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.extra_words import describe_extras
from dashboard.fragments import render_page
from dashboard.policy_changes import changes_between
from dashboard.policy_traffic import Hits, hits_by_policy, hits_by_rule
from dashboard.ranges import now_ms
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.rule_cards import default_card, rule_cards
from dashboard.template_words import choice_words
from dashboard.use_words import describe_constraints
from routerapp.models import Draft, Policy
from routerapp.serving import publish_policy
from routerapp.serving.policy_templates import TEMPLATES
from routerapp.serving.refusals import WriteRefused


class PolicyForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name", help_text="For people. You can change it later.")
    slug = forms.CharField(
        max_length=50,
        label="Slug",
        help_text="Callers send policy/<slug>. Lower-case letters, digits and -; it never changes.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    description = forms.CharField(max_length=300, required=False, label="What it is for")
    template = forms.ChoiceField(choices=[(name, choice_words(name)) for name in TEMPLATES], label="Start from")


@allowed_to("read")
def policy_list(request: HttpRequest) -> HttpResponse:
    policies = (
        Policy.objects.filter(archived_at=None)
        .select_related("live_version", "live_version__published_by")
        .order_by("-is_default", "name")
    )
    drafts = dict(Draft.objects.values_list("policy").annotate(n=Count("pk")))
    hits = hits_by_policy(now_ms())
    total = next(iter(hits.values())).total if hits else 0
    rows = [_row(policy, hits.get(policy.slug, Hits(0, total)), drafts.get(policy.pk, 0)) for policy in policies]
    context = {"rows": rows, "may_create": can(request, "create_policy")}
    return render_page(request, "dashboard/policies/list.html", context)


@allowed_to("read")
def policy_detail(request: HttpRequest, slug: str) -> HttpResponse:
    policy = get_object_or_404(Policy.objects.select_related("live_version"), slug=slug)
    live = policy.live_version
    document = live.document if live else None
    context = {
        "policy": policy,
        "live": live,
        "cards": rule_cards(document, hits_by_rule(slug, now_ms())) if document else (),
        "default": default_card(document, hits_by_rule(slug, now_ms())) if document else None,
        "constraints": describe_constraints((document or {}).get("constraints")),
        "extras": describe_extras(document),
        "timeline": _timeline(policy),
        "drafts": [_draft_row(draft, document) for draft in policy.drafts.select_related("updated_by").order_by("pk")],
        "may_edit": can(request, "edit_draft") and policy.archived_at is None,
        "may_set_default": can(request, "set_default_policy") and live is not None and not policy.is_default,
        "may_roll_back": can(request, "roll_back_policy") and policy.archived_at is None,
    }
    return render_page(request, "dashboard/policies/detail.html", context)


@allowed_to("create_policy")
def policy_create(request: HttpRequest) -> HttpResponse:
    form = PolicyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            policy = publish_policy.create_policy(
                form.cleaned_data["slug"],
                form.cleaned_data["name"],
                by=actor_of(request),
                template=form.cleaned_data["template"],
                description=form.cleaned_data["description"],
            )
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            draft = policy.drafts.get()
            messages.success(request, "Policy made. It serves nobody until you publish this draft.")
            return redirect("dashboard:draft-detail", slug=policy.slug, draft_id=draft.pk)
    return render_page(request, "dashboard/policies/create.html", {"form": form}, status=422 if form.is_bound else 200)


@allowed_to("edit_draft")
@require_POST
def draft_create(request: HttpRequest, slug: str) -> HttpResponse:
    """From the live version, or from any other when version is posted."""
    policy = get_object_or_404(Policy, slug=slug, archived_at=None)
    version = request.POST.get("version", "")
    name = request.POST.get("name", "").strip()[:100] or f"Draft {policy.drafts.count() + 1}"
    try:
        draft = publish_policy.create_draft(
            slug, by=actor_of(request), from_version=int(version) if version.isdigit() else None, name=name
        )
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:policy-detail", slug=slug)
    return redirect("dashboard:draft-detail", slug=slug, draft_id=draft.pk)


@allowed_to("set_default_policy")
@require_POST
def policy_set_default(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        publish_policy.set_default_policy(slug, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"“auto” now goes through {slug}.")
    return redirect("dashboard:policy-detail", slug=slug)


def _row(policy: Policy, hits: Hits, drafts: int) -> dict[str, Any]:
    live = policy.live_version
    rules = live.document.get("rules", []) if live else []
    return {
        "policy": policy,
        "live": live,
        "rules": len(rules),
        "off": sum(rule.get("enabled", True) is False for rule in rules),
        "hits": hits,
        "drafts": drafts,
    }


def _draft_row(draft: Draft, live: Any) -> dict[str, Any]:
    return {"draft": draft, "changes": len(changes_between(live, draft.document))}


def _timeline(policy: Policy) -> list[dict[str, Any]]:
    """Versions, newest first, each with what it changed against the one before it."""
    versions = list(policy.versions.select_related("published_by").order_by("-number")[:51])
    entries = []
    for version, before in zip(versions, [*versions[1:], None], strict=False):
        entries.append(
            {
                "version": version,
                "is_live": version.pk == policy.live_version_id,
                "changes": changes_between(before.document if before else None, version.document),
                "is_first": before is None and version.number == 1,
            }
        )
    return entries[:50]
