"""The request list with its filters in the address, and one request in full."""

from typing import Any
from urllib.parse import urlencode

from django.core.validators import slug_re
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard import freshness
from dashboard.arithmetic import cost_sheet
from dashboard.forms import RequestFilterForm
from dashboard.fragments import asked_fragment, render_page
from dashboard.kept_content import KeptContent, load_kept_content
from dashboard.prediction_lines import prediction_panel
from dashboard.presenters import candidate_lines, headline, trace_lines
from dashboard.replay_words import replay_words
from dashboard.roles import allowed_to, can
from dashboard.rule_book import rule_book
from dashboard.waterfall import waterfall
from routerapp.models import Experiment, PolicyVersion
from routerapp.store.replay import replay_request
from routerapp.store.requests import DEAREST, NEWEST, BadCursor, RequestDetail, RequestPage, list_requests, load_detail

LIST = "dashboard/requests/list.html"
DETAIL = "dashboard/requests/detail.html"


@allowed_to("read")
def request_list(request: HttpRequest) -> HttpResponse:
    seen = freshness.marker()
    if request.GET.get("seen") == seen and asked_fragment(request, {"rows"}):
        return HttpResponse(status=204)
    form = RequestFilterForm(request.GET)
    page, problem = RequestPage((), None), ""
    if form.is_valid():
        try:
            page = list_requests(form.filters(), _sort(form), request.GET.get("cursor") or None)
        except BadCursor:
            problem = "This page of the list does not exist."
    is_valid = form.is_valid() and not problem
    context = _list_context(request, form, page) | {"problem": problem, "seen": seen}
    return render_page(request, LIST, context, fragments={"results", "rows"}, status=200 if is_valid else 422)


@allowed_to("read")
def request_detail(request: HttpRequest, request_id: str) -> HttpResponse:
    detail = load_detail(request_id)
    if detail is None:
        raise Http404("No such request.")
    return render_page(request, DETAIL, _detail_context(request, detail))


@allowed_to("read")
@require_POST
def request_replay(request: HttpRequest, request_id: str) -> HttpResponse:
    """Decide again from what was recorded and compare byte for byte; writes nothing."""
    detail = load_detail(request_id)
    if detail is None:
        raise Http404("No such request.")
    context = _detail_context(request, detail) | {"replay": replay_words(replay_request(request_id))}
    return render_page(request, DETAIL, context, fragments={"replay"})


def _list_context(request: HttpRequest, form: RequestFilterForm, page: RequestPage) -> dict[str, Any]:
    kept = {name: value for name, value in request.GET.items() if value and name not in ("cursor", "seen")}
    here = reverse("dashboard:request-list")
    filtered = {name: value for name, value in kept.items() if name != "sort"}
    is_first = not request.GET.get("cursor")
    sort = _sort(form)
    time_range = form.cleaned_data.get("time_range")
    return {
        "form": form,
        "page": page,
        "sort": sort,
        "sorts": [
            {"label": label, "url": _url(here, filtered | {"sort": name}), "is_current": name == sort}
            for name, label in ((NEWEST, "Newest"), (DEAREST, "Dearest"))
        ],
        "here": _url(here, kept),
        "next_url": _url(here, kept | {"cursor": page.next_cursor}) if page.next_cursor else "",
        "next_label": "Search on" if page.is_partial else "Older",
        "summary": _summary(page, sort),
        "first_url": "" if is_first else _url(here, kept),
        "csv_url": _url(reverse("dashboard:request-export", args=["csv"]), kept),
        "json_url": _url(reverse("dashboard:request-export", args=["json"]), kept),
        "is_filtered": bool(filtered),
        "is_live": is_first and form.is_valid() and (time_range is None or time_range.is_open),
    }


def _detail_context(request: HttpRequest, detail: RequestDetail) -> dict[str, Any]:
    row, decision = detail.row, detail.decision
    saved = None
    if row.cost_nusd is not None and row.baseline_cost_nusd is not None:
        saved = row.baseline_cost_nusd - row.cost_nusd
    return {
        "detail": detail,
        "row": row,
        "decision": decision,
        "warnings": row.warnings.split(",") if row.warnings else [],
        "headline": headline(decision, row.deployment) if decision else "",
        "trace": trace_lines(decision, rule_book(decision)) if decision else [],
        "candidates": candidate_lines(decision) if decision else [],
        "predicted": prediction_panel(decision) if decision else None,
        "waterfall": waterfall(row, detail.attempts),
        "cost": cost_sheet(row, detail.attempts),
        "saved_nusd": saved,
        "may_play": can(request, "use_playground"),
        "content": _content(request, detail),
        "has_experiment": bool(slug_re.match(row.experiment))
        and Experiment.objects.filter(slug=row.experiment).exists(),
        "has_version": PolicyVersion.objects.filter(policy__slug=row.policy, number=row.policy_version).exists(),
    }


def _content(request: HttpRequest, detail: RequestDetail) -> KeptContent | None:
    """What was kept, for those who may read it."""
    if not (detail.has_chat or detail.has_answer) or not can(request, "read_content"):
        return None
    return load_kept_content(detail.row.id)


def _summary(page: RequestPage, sort: str) -> str:
    shown = f"{len(page.rows)} request{'' if len(page.rows) == 1 else 's'}"
    if not page.is_partial:
        return shown
    rest = "Cheaper" if sort == DEAREST else "Older"
    return f"{shown} so far: few match, and the search stopped after a moment. {rest} ones may match too."


def _sort(form: RequestFilterForm) -> str:
    return DEAREST if form.data.get("sort") == DEAREST else NEWEST


def _url(path: str, query: dict[str, Any]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
