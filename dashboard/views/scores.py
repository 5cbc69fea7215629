"""Capability scores, edited in their cell or on a page of their own; new dimensions; scores learned from use, asked for now."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.capability_table import Cell, load_cell
from dashboard.catalogue_forms import DimensionForm, ScoreForm
from dashboard.fragments import is_htmx, render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from routerapp.models import ScoreSource
from routerapp.serving import edit_scores
from routerapp.serving.learning_jobs import learn_now as ask_to_learn
from routerapp.serving.refusals import WriteRefused


@allowed_to("edit_score")
def score_edit(request: HttpRequest, slug: str, dimension: str) -> HttpResponse:
    """In a cell for htmx (GET the input, POST the value, GET ?cancel=1 the value again); a page with every field otherwise."""
    cell = load_cell(slug, dimension)
    if cell is None:
        raise Http404("There is no such model or dimension.")
    in_cell = is_htmx(request)
    if in_cell and request.GET.get("cancel"):
        return _cell(request, cell)
    form = ScoreForm(request.POST or None, initial=_initial(cell))
    if request.method == "POST" and form.is_valid():
        try:
            _write(request, cell, form, in_cell)
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            if in_cell:
                return _cell(request, load_cell(slug, dimension) or cell, is_saved=True)
            messages.success(request, "Score saved.")
            return redirect("dashboard:language-model-detail", slug=slug)
    status = 422 if form.is_bound else 200
    if in_cell:
        return render(request, "dashboard/models/score_cell.html#editing", {"cell": cell, "form": form}, status=status)
    return render_page(request, "dashboard/models/score.html", {"cell": cell, "form": form}, status=status)


@allowed_to("edit_dimension")
def dimension_create(request: HttpRequest) -> HttpResponse:
    form = DimensionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            edit_scores.add_dimension(
                form.cleaned_data["slug"],
                form.cleaned_data["name"],
                by=actor_of(request),
                description=form.cleaned_data["description"],
            )
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Dimension added. Models have no score on it yet.")
            return redirect("dashboard:language-model-list")
    context = {"form": form, "title": "New dimension", "submit": "Add the dimension", "lead": DIMENSION_LEAD}
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


@allowed_to("train_predictor")
@require_POST
def learn_now(request: HttpRequest) -> HttpResponse:
    try:
        ask_to_learn(by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Learning from what came back of live answers.")
    return redirect(f"{reverse('dashboard:language-model-list')}#learned")


DIMENSION_LEAD = "What models are scored on, such as code or creativity. The strategy “capability” weighs dimensions."


def _write(request: HttpRequest, cell: Cell, form: ScoreForm, in_cell: bool) -> None:
    """An emptied value removes the score. In a cell only the value is typed, so an interval that no longer fits it goes."""
    given, by = form.cleaned_data, actor_of(request)
    if given["value"] is None:
        if cell.score is not None:
            edit_scores.remove_score(cell.model.slug, cell.dimension.slug, by=by)
        return
    edit_scores.set_score(
        cell.model.slug,
        cell.dimension.slug,
        given["value"],
        by=by,
        low=None if in_cell else given["low"],
        high=None if in_cell else given["high"],
        source=ScoreSource.MANUAL if in_cell else (given["source"] or ScoreSource.MANUAL),
        note="" if in_cell else given["note"],
    )


def _initial(cell: Cell) -> dict[str, object]:
    score = cell.score
    if score is None:
        return {}
    return {"value": score.value, "low": score.low, "high": score.high, "source": score.source, "note": score.note}


def _cell(request: HttpRequest, cell: Cell, is_saved: bool = False) -> HttpResponse:
    context = {"cell": cell, "may_score": True, "is_saved": is_saved}
    return render(request, "dashboard/models/score_cell.html#value", context)
