"""The draft as text: JSON or YAML in one box, with problems by line. Works without JavaScript, and saves like the forms do."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from dashboard.document_text import TextProblem, UnreadableText, place_in_text, read_text, write_text
from dashboard.fragments import render_page
from dashboard.policy_changes import changes_between, diff_lines
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import Draft
from routerapp.serving import publish_policy
from routerapp.serving.refusals import Invalid, Stale, WriteRefused

LANGUAGES = ("yaml", "json")


@allowed_to("read")
def draft_document(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    rows = Draft.objects.select_related("policy", "policy__live_version")
    draft = get_object_or_404(rows, pk=draft_id, policy__slug=slug)
    asked = request.POST.get("language") or request.GET.get("language", "")
    language = asked if asked in LANGUAGES else "yaml"
    context = {
        "policy": draft.policy,
        "draft": draft,
        "language": language,
        "revision": draft.revision,
        "text": write_text(draft.document, language),
        "problems": (),
        "may_edit": can(request, "edit_draft"),
    }
    if request.method != "POST":
        return render_page(request, "dashboard/policies/document.html", context)
    if not context["may_edit"]:
        raise PermissionDenied("Saving a draft needs the role editor.")
    text = request.POST.get("text", "").replace("\r\n", "\n")
    given = request.POST.get("revision", "")
    revision = int(given) if given.isdigit() and len(given) < 12 else draft.revision
    problems = _save(request, draft, text, revision)
    if problems is None:
        messages.success(request, "Document saved.")
        return redirect("dashboard:draft-detail", slug=slug, draft_id=draft_id)
    if isinstance(problems, HttpResponse):
        return problems
    context |= {"text": text, "problems": problems, "revision": revision}
    return render_page(request, "dashboard/policies/document.html", context, status=422)


def _save(request: HttpRequest, draft: Draft, text: str, revision: int) -> list[TextProblem] | HttpResponse | None:
    """None when saved; problems with their lines; or the page that shows both versions."""
    try:
        document, node = read_text(text)
    except UnreadableText as unreadable:
        return [unreadable.problem]
    try:
        publish_policy.save_draft(draft.pk, document, expected_revision=revision, by=actor_of(request))
    except Stale:
        draft.refresh_from_db()
        context = {
            "policy": draft.policy,
            "draft": draft,
            "changes": changes_between(draft.document, document),
            "lines": diff_lines(draft.document, document),
            "mine_text": write_text(document, "json"),
        }
        return render_page(request, "dashboard/policies/stale.html", context, status=409)
    except Invalid as refused:
        return place_in_text(node, refused.problems)
    except WriteRefused as refused:
        return [TextProblem(None, "", str(refused))]
    return None
