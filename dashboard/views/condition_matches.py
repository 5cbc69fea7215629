"""How many recorded requests a condition matches while it is being edited. Nothing is saved; an unfinished condition is no error."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST

from dashboard.catalogue_options import load_catalogue_options
from dashboard.condition_forms import condition_document
from dashboard.fragments import is_htmx
from dashboard.policy_forms import read_rule
from dashboard.roles import allowed_to
from routerapp.engine.problems import PolicyError
from routerapp.models import Draft
from routerapp.store.matches import MatchCount, count_matches
from routerapp.store.recorded import NEWEST, recorded_window


@allowed_to("edit_draft")
@require_POST
def condition_matches(request: HttpRequest, slug: str, draft_id: int) -> HttpResponse:
    draft = get_object_or_404(Draft, pk=draft_id, policy__slug=slug)
    form = read_rule(request.POST, load_catalogue_options(slug))
    document = condition_document(form.when)
    if any(node.problems for node in form.when.walk()):
        context: dict[str, Any] = {"problem": "Finish the condition to see how many requests it matches"}
    else:
        context = _counted(document, str(draft.document.get("timezone") or "UTC"))
    name = "dashboard/policies/matches.html#count" if is_htmx(request) else "dashboard/policies/matches_page.html"
    return render(request, name, context | {"draft": draft, "policy": draft.policy})


def _counted(document: Any, timezone: str) -> dict[str, Any]:
    if document is None:
        total = len(recorded_window().newest(NEWEST))
        counted = MatchCount(total, 0, total, ())
    else:
        try:
            counted = count_matches(document, timezone)
        except PolicyError as error:
            return {"problem": error.problems[0].message}
    return {"count": counted, "part": counted.matched / counted.total if counted.total else None}
