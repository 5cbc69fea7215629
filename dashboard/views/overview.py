"""The overview: what was asked, what it cost, how fast and how well; and each chart's numbers as CSV."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from dashboard import freshness
from dashboard.charts import CHARTS, Chart, overview_charts
from dashboard.forms import OverviewForm
from dashboard.fragments import asked_fragment, render_page
from dashboard.ranges import LABELS, SPANS_MS
from dashboard.roles import allowed_to, can
from dashboard.tiles import overview_tiles
from dashboard.unpriced_banner import unpriced_banner
from dashboard.views.exports import csv_text
from routerapp.models import InstallationState, LanguageModel
from routerapp.store import overview as reports
from routerapp.store.reports import Filters, OverviewReport, Range

API = "api:report-overview"
PAGE = "dashboard/overview/page.html"


@allowed_to("read")
def overview(request: HttpRequest) -> HttpResponse:
    seen = freshness.marker()
    if request.GET.get("seen") == seen and asked_fragment(request, {"live"}):
        return HttpResponse(status=204)
    form = OverviewForm(request.GET)
    if not form.is_valid():
        return render_page(request, PAGE, _choices(request, form) | {"report": None}, fragments={"live"}, status=422)
    report = _report(form)
    query, api_call = _query(request), _api_call(request, form)
    context = _choices(request, form) | {
        "report": report,
        "time_range": form.cleaned_data["time_range"],
        "tiles": overview_tiles(report, _rows(form, query)),
        "charts": [_linked(chart, query, api_call) for chart in overview_charts(report)] if not report.is_empty else [],
        "seen": seen,
        "banner": unpriced_banner(),
        "may_edit": can(request, "edit_price"),
        "has_models": not report.is_empty or LanguageModel.objects.filter(archived_at=None).exists(),
    }
    return render_page(request, PAGE, context, fragments={"live"})


@allowed_to("read")
def chart_csv(request: HttpRequest, chart: str) -> HttpResponse:
    form = OverviewForm(request.GET)
    if chart not in CHARTS:
        raise Http404("No such chart.")
    if not form.is_valid():
        return HttpResponse(form.errors.as_text(), status=422, content_type="text/plain; charset=utf-8")
    drawn = CHARTS[chart](_report(form))
    response = HttpResponse(csv_text(drawn.csv_columns, drawn.csv_rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{chart}.csv"'
    return response


def _report(form: OverviewForm) -> OverviewReport:
    span = form.cleaned_data["time_range"]
    return reports.overview(Range(span.from_ms, span.to_ms), Filters(origins=_origins(form)))


def _origins(form: OverviewForm) -> tuple[str, ...]:
    return form.origins(InstallationState.objects.filter(pk=1, sample_data=True).exists())


def _choices(request: HttpRequest, form: OverviewForm) -> dict[str, Any]:
    """The range picker as links that keep the other choices."""
    query, here = _query(request), reverse("dashboard:overview")
    current = query.get("range") or ("custom" if "start" in query or "end" in query else form.default_range)
    kept = {name: value for name, value in query.items() if name == "origin"}
    links = [
        {"label": LABELS[name], "url": f"{here}?{urlencode(kept | {'range': name})}", "is_current": name == current}
        for name in SPANS_MS
    ]
    return {
        "form": form,
        "ranges": links,
        "is_custom": current == "custom",
        "origin": query.get("origin", ""),
        "origin_label": dict(form.ORIGINS).get(query.get("origin", ""), ""),
        "here": f"{here}?{urlencode(query)}" if query else here,
    }


def _rows(form: OverviewForm, query: dict[str, str]) -> str:
    """The request list behind the numbers: the same range and traffic."""
    origins = _origins(form)
    kept = {name: value for name, value in query.items() if name in ("range", "start", "end")}
    kept = kept or {"range": form.cleaned_data["time_range"].name}
    if len(origins) <= 2:
        kept["origin"] = "+".join(origins)
    return f"{reverse('dashboard:request-list')}?{urlencode(kept)}"


def _api_call(request: HttpRequest, form: OverviewForm) -> str:
    """The same numbers from the management API, which takes keys, not cookies. An open range stays open."""
    span = form.cleaned_data["time_range"]
    ends = [] if span.is_open else [("to_ms", span.to_ms)]
    query = urlencode([("from_ms", span.from_ms), *ends, *(("origin", origin) for origin in _origins(form))])
    address = request.build_absolute_uri(f"{reverse(API)}?{query}")
    return f"curl '{address}' \\\n  -H \"Authorization: Bearer $SIGNALBOX_KEY\""


def _linked(chart: Chart, query: dict[str, str], api_call: str) -> Chart:
    text = f"?{urlencode(query)}" if query else ""
    return replace(chart, csv_url=reverse("dashboard:chart-csv", args=[chart.id]) + text, api_call=api_call)


def _query(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.GET.items() if value and name != "seen"}
