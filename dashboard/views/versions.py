"""Published versions: read one, compare, publish a draft as the next one, roll back to an earlier one."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.document_text import write_text
from dashboard.extra_words import describe_extras
from dashboard.fragments import render_page
from dashboard.policy_changes import changes_between, diff_lines
from dashboard.publish_reasons import publish_reasons
from dashboard.roles import actor_of, allowed_to, can
from dashboard.rule_cards import default_card, rule_cards
from dashboard.use_words import describe_constraints
from routerapp.engine.problems import Problem
from routerapp.models import Draft, Policy, PolicyVersion
from routerapp.serving import publish_policy
from routerapp.serving.policy_checks import publish_problems
from routerapp.serving.refusals import Invalid, Stale, WriteRefused


class NoteForm(forms.Form):
    note = forms.CharField(
        max_length=500,
        required=False,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What changes and why, for those who read the timeline.",
    )


@allowed_to("read")
def version_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    policy, version = _version(slug, number)
    live = policy.live_version
    is_live = live is not None and live.pk == version.pk
    context = {
        "policy": policy,
        "version": version,
        "is_live": is_live,
        "live": live,
        "cards": rule_cards(version.document, {}),
        "default": default_card(version.document, {}),
        "constraints": describe_constraints(version.document.get("constraints")),
        "extras": describe_extras(version.document),
        "changes": () if is_live or live is None else changes_between(live.document, version.document),
        "text": write_text(version.document, "yaml"),
        "may_roll_back": can(request, "roll_back_policy") and not is_live and policy.archived_at is None,
        "may_edit": can(request, "edit_draft") and policy.archived_at is None,
    }
    return render_page(request, "dashboard/policies/version.html", context)


@allowed_to("roll_back_policy")
def version_roll_back(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """GET asks and shows what would change; POST does it."""
    policy, version = _version(slug, number)
    live = policy.live_version
    form = NoteForm(request.POST or None)
    problems: Sequence[dict[str, Any]] = ()
    status = 200
    if request.method == "POST" and form.is_valid():
        expected = request.POST.get("live", "")
        try:
            published = publish_policy.roll_back(
                slug,
                number,
                note=form.cleaned_data["note"],
                by=actor_of(request),
                expected_live=int(expected) if expected.isdigit() else None,
            )
        except Invalid as refused:
            problems, status = publish_reasons(refused.problems, version.document, None), 422
        except WriteRefused as refused:
            problems, status = [{"place": "", "message": str(refused)}], 409
        else:
            messages.success(request, f"Rolled back: version {published.number} is version {number} again, and live.")
            return redirect("dashboard:policy-detail", slug=slug)
    context = {
        "policy": policy,
        "version": version,
        "live": live,
        "form": form,
        "problems": problems,
        "changes": changes_between(live.document if live else None, version.document),
        "lines": diff_lines(live.document if live else None, version.document),
    }
    return render_page(request, "dashboard/policies/roll_back.html", context, status=status)


@allowed_to("read")
def draft_changes(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    """What the draft changes against the live version, and what stands in the way of publishing it."""
    return _changes_page(request, _draft(slug, draft_id), NoteForm())


@allowed_to("publish_policy")
@require_POST
def draft_publish(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    draft, form = _draft(slug, draft_id), NoteForm(request.POST)
    if not form.is_valid():
        return _changes_page(request, draft, form, status=422)
    revision = request.POST.get("revision", "")
    try:
        version = publish_policy.publish_draft(
            draft.pk,
            expected_revision=int(revision) if revision.isdigit() else draft.revision,
            note=form.cleaned_data["note"],
            by=actor_of(request),
        )
    except Invalid as refused:
        return _changes_page(request, draft, form, refused.problems, status=422)
    except WriteRefused as refused:
        status = 409 if isinstance(refused, Stale) else 422
        return _changes_page(request, draft, form, [Problem("", refused.code, str(refused))], status=status)
    messages.success(request, f"Version {version.number} is live. Every worker has it within two seconds.")
    return redirect("dashboard:policy-detail", slug=slug)


@allowed_to("edit_draft")
@require_POST
def draft_rebase(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    """The person has compared: the draft shall replace what was published meanwhile."""
    draft = _draft(slug, draft_id)
    revision = request.POST.get("revision", "")
    try:
        publish_policy.rebase_draft(
            draft.pk, expected_revision=int(revision) if revision.isdigit() else draft.revision, by=actor_of(request)
        )
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The draft now builds on the live version.")
    return redirect("dashboard:draft-changes", slug=slug, draft_id=draft_id)


def _changes_page(
    request: HttpRequest, draft: Draft, form: NoteForm, refused: Sequence[Problem] | None = None, status: int = 200
) -> HttpResponse:
    policy, live = draft.policy, draft.policy.live_version
    document = live.document if live else None
    changes = changes_between(document, draft.document)
    problems = publish_problems(draft.document) if refused is None else refused
    context = {
        "policy": policy,
        "draft": draft,
        "live": live,
        "form": form,
        "changes": changes,
        "lines": diff_lines(document, draft.document),
        "problems": publish_reasons(problems, draft.document, draft),
        "was_refused": refused is not None,
        "is_behind": draft.base_version != (live.number if live else 0),
        "may_publish": can(request, "publish_policy"),
        "may_edit": can(request, "edit_draft"),
    }
    return render_page(request, "dashboard/policies/changes.html", context, status=status)


def _version(slug: str, number: int) -> tuple[Policy, PolicyVersion]:
    policy = get_object_or_404(Policy.objects.select_related("live_version"), slug=slug)
    version = policy.versions.select_related("published_by").filter(number=number).first()
    if version is None:
        raise Http404(f"{slug} has no version {number}.")
    return policy, version


def _draft(slug: str, draft_id: int) -> Draft:
    rows = Draft.objects.select_related("policy", "policy__live_version", "updated_by")
    return get_object_or_404(rows, pk=draft_id, policy__slug=slug)
