"""The editor of one draft: rules as cards, a form for each rule, the default and the settings, and the document itself.

Every button saves the draft at once through its use case, against the revision the person saw; a stale one gets both versions to look at.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.catalogue_options import load_catalogue_options
from dashboard.document_text import write_text
from dashboard.extra_words import describe_extras
from dashboard.fragments import is_htmx, render_page
from dashboard.policy_changes import changes_between, diff_lines, rule_name
from dashboard.policy_forms import (
    DefaultForm,
    RuleForm,
    SettingsForm,
    new_rule,
    read_default,
    read_rule,
    read_settings,
    rule_from_document,
    settings_form,
)
from dashboard.policy_traffic import hits_by_rule
from dashboard.ranges import now_ms
from dashboard.roles import actor_of, allowed_to, can
from dashboard.rule_cards import default_card, rule_cards
from dashboard.use_forms import use_from_document
from dashboard.use_words import describe_constraints
from routerapp.models import Draft
from routerapp.serving import draft_edits, publish_policy
from routerapp.serving.policy_checks import parsed, publish_problems
from routerapp.serving.refusals import Invalid, Stale, WriteRefused

Edit = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@allowed_to("read")
def draft_detail(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    return _editor(request, _draft(slug, draft_id))


@allowed_to("edit_draft")
@require_POST
def rule_move(request: HttpRequest, slug: str, draft_id: int, rule_id: str) -> HttpResponse:
    direction = request.POST.get("direction", "")
    words = f"Rule moved {direction}." if direction in ("up", "down") else ""
    return _edited(request, slug, draft_id, lambda doc: draft_edits.move_rule(doc, rule_id, direction), words)


@allowed_to("edit_draft")
@require_POST
def rule_toggle(request: HttpRequest, slug: str, draft_id: int, rule_id: str) -> HttpResponse:
    return _edited(request, slug, draft_id, lambda doc: draft_edits.toggle_rule(doc, rule_id), "Rule switched.")


@allowed_to("edit_draft")
@require_POST
def rule_remove(request: HttpRequest, slug: str, draft_id: int, rule_id: str) -> HttpResponse:
    return _edited(request, slug, draft_id, lambda doc: draft_edits.remove_rule(doc, rule_id), "Rule removed.")


@allowed_to("edit_draft")
def rule_create(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    draft = _draft(slug, draft_id)
    options = load_catalogue_options(slug)
    form = read_rule(request.POST, options) if request.method == "POST" else new_rule(options)
    rules = draft.document.get("rules") or ()
    place = len(rules) if form.place is None else min(form.place, len(rules))
    return _rule_page(
        request,
        draft,
        form,
        place,
        lambda rule: draft_edits.add_rule(draft.document, rule, position=place),
        "Rule added.",
        None,
    )


@allowed_to("edit_draft")
def rule_edit(request: HttpRequest, slug: str, draft_id: int, rule_id: str) -> HttpResponse:
    draft = _draft(slug, draft_id)
    rules = draft.document.get("rules") or []
    place = next((number for number, rule in enumerate(rules) if rule.get("id") == rule_id), None)
    if place is None:
        raise Http404(f"This draft has no rule {rule_id}.")
    options = load_catalogue_options(slug)
    form = read_rule(request.POST, options) if request.method == "POST" else rule_from_document(rules[place], options)
    return _rule_page(
        request,
        draft,
        form,
        place,
        lambda rule: draft_edits.replace_rule(draft.document, rule_id, rule),
        "Rule saved.",
        rule_id,
    )


@allowed_to("edit_draft")
def default_edit(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    draft = _draft(slug, draft_id)
    options = load_catalogue_options(slug)
    if request.method == "POST":
        form = read_default(request.POST, options)
    else:
        form = DefaultForm(use_from_document(draft.document.get("default"), "use", options))
    context = {"draft": draft, "policy": draft.policy, "form": form, "revision": _revision(request, draft)}
    template = "dashboard/policies/default_form.html"
    if _is_press(request, form):
        return render_page(request, template, context, fragments={"fields"})
    if request.method == "POST":
        use = form.document()
        refused = _save(request, draft, draft_edits.set_default(draft.document, use), form.has_problems)
        if refused is None:
            messages.success(request, "Default saved.")
            return _to_editor(request, draft)
        if isinstance(refused, Stale):
            return _stale(request, draft, draft_edits.set_default(draft.document, use))
        form.put(getattr(refused, "problems", ()))
    status = 422 if request.method == "POST" else 200
    return render_page(request, template, context, fragments={"fields"}, status=status)


@allowed_to("edit_draft")
def settings_edit(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    draft = _draft(slug, draft_id)
    options = load_catalogue_options(slug)
    form: SettingsForm = (
        read_settings(request.POST, options)
        if request.method == "POST"
        else settings_form(draft.name, draft.document, options)
    )
    context = {"draft": draft, "policy": draft.policy, "form": form, "revision": _revision(request, draft)}
    if request.method == "POST":
        document = draft_edits.set_timezone(draft.document, form.timezone.value.strip())
        document = draft_edits.set_constraints(document, form.constraints.document())
        document = draft_edits.set_extras(document, form.extras.document())
        refused = _save(request, draft, document, form.has_problems, form.name.value.strip() or None)
        if refused is None:
            messages.success(request, "Settings saved.")
            return _to_editor(request, draft)
        if isinstance(refused, Stale):
            return _stale(request, draft, document)
        form.put(getattr(refused, "problems", ()))
    status = 422 if request.method == "POST" else 200
    return render_page(request, "dashboard/policies/settings_form.html", context, status=status)


@allowed_to("edit_draft")
@require_POST
def draft_discard(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    draft = _draft(slug, draft_id)
    try:
        publish_policy.discard_draft(draft.pk, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Draft “{draft.name}” discarded.")
    return redirect("dashboard:policy-detail", slug=slug)


def _rule_page(
    request: HttpRequest,
    draft: Draft,
    form: RuleForm,
    place: int,
    apply: Edit,
    done: str,
    rule_id: str | None,
) -> HttpResponse:
    """One form, three answers: a pressed button edits the form, Save writes the draft, anything wrong comes back as 422."""
    context = {
        "draft": draft,
        "policy": draft.policy,
        "form": form,
        "rule_id": rule_id,
        "number": place + 1,
        "revision": _revision(request, draft),
        "places": [(place, rule_name(rule)) for place, rule in enumerate(draft.document.get("rules") or ())],
    }
    template = "dashboard/policies/rule_form.html"
    if _is_press(request, form):
        return render_page(request, template, context, fragments={"fields"})
    if request.method == "POST":
        document = apply(form.document(rule_id or ""))
        refused = _save(request, draft, document, form.has_problems)
        if refused is None:
            messages.success(request, done)
            return _to_editor(request, draft)
        if isinstance(refused, Stale):
            return _stale(request, draft, document)
        form.put(getattr(refused, "problems", ()), f"rules[{place}]")
    status = 422 if request.method == "POST" else 200
    return render_page(request, template, context, fragments={"fields"}, status=status)


def _is_press(request: HttpRequest, form: RuleForm | DefaultForm) -> bool:
    """Whether a button inside the form was pressed (do=verb:path); the form is edited by it, nothing is saved."""
    verb, _, path = request.POST.get("do", "").partition(":")
    if request.method != "POST" or not verb or verb == "save":
        return False
    form.edit(verb, path)
    return True


def _save(
    request: HttpRequest, draft: Draft, document: Mapping[str, Any], has_problems: bool, name: str | None = None
) -> WriteRefused | None:
    """None when saved. A form that cannot be read is shown to the engine too, for all its problems at once."""
    try:
        if has_problems:
            parsed(document)
            return Invalid(())
        publish_policy.save_draft(
            draft.pk, document, expected_revision=_revision(request, draft), by=actor_of(request), name=name
        )
    except WriteRefused as refused:
        return refused
    return None


def _edited(request: HttpRequest, slug: str, draft_id: int, edit: Edit, done: str) -> HttpResponse:
    """One press on a card: save, then the editor again, as a fragment or by redirect."""
    draft = _draft(slug, draft_id)
    try:
        document = edit(draft.document)
        publish_policy.save_draft(draft.pk, document, expected_revision=_revision(request, draft), by=actor_of(request))
    except Stale:
        return _stale(request, draft, document)
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    if is_htmx(request):
        return _editor(request, _draft(slug, draft_id), with_messages=True)
    return _to_editor(request, draft)


def _editor(request: HttpRequest, draft: Draft, with_messages: bool = False) -> HttpResponse:
    policy, live = draft.policy, draft.policy.live_version
    document = draft.document
    changes = changes_between(live.document if live else None, document)
    hits = hits_by_rule(policy.slug, now_ms())
    context = {
        "policy": policy,
        "draft": draft,
        "live": live,
        "cards": rule_cards(document, hits, _problems_by_rule(document)),
        "default": default_card(document, hits),
        "constraints": describe_constraints(document.get("constraints")),
        "extras": describe_extras(document),
        "timezone": document.get("timezone") or "UTC",
        "changes": changes,
        "is_behind": draft.base_version != (live.number if live else 0),
        "drafts": policy.drafts.order_by("pk"),
        "may_edit": can(request, "edit_draft"),
        "may_publish": can(request, "publish_policy"),
    }
    return render_page(
        request, "dashboard/policies/editor.html", context, fragments={"editor"}, with_messages=with_messages
    )


def _problems_by_rule(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """What publishing would refuse, at the rule it is about."""
    rules = document.get("rules") or []
    found: dict[str, list[str]] = {}
    for problem in publish_problems(document):
        head = problem.path.partition(".")[0]
        if head.startswith("rules[") and head[6:-1].isdigit() and int(head[6:-1]) < len(rules):
            found.setdefault(str(rules[int(head[6:-1])].get("id")), []).append(problem.message)
    return found


def _stale(request: HttpRequest, draft: Draft, mine: Mapping[str, Any]) -> HttpResponse:
    """409 with both: what is saved now, and what this person would have saved."""
    current = _draft(draft.policy.slug, draft.pk)
    context = {
        "policy": current.policy,
        "draft": current,
        "changes": changes_between(current.document, mine),
        "lines": diff_lines(current.document, mine),
        "mine_text": write_text(mine, "json"),
    }
    response = render_page(request, "dashboard/policies/stale.html", context, status=409)
    if is_htmx(request):
        response["HX-Retarget"] = "body"
        response["HX-Reselect"] = "body"
    return response


def _to_editor(request: HttpRequest, draft: Draft) -> HttpResponse:
    url = reverse("dashboard:draft-detail", kwargs={"slug": draft.policy.slug, "draft_id": draft.pk})
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return redirect(url)


def _draft(slug: str, draft_id: int) -> Draft:
    rows = Draft.objects.select_related("policy", "policy__live_version", "updated_by")
    return get_object_or_404(rows, pk=draft_id, policy__slug=slug)


def _revision(request: HttpRequest, draft: Draft) -> int:
    """The revision this person saw: what the form carries, or the one shown now."""
    given = request.POST.get("revision", "")
    return int(given) if given.isdigit() and len(given) < 12 else draft.revision
