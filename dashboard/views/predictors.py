"""Predictors: train one, read its model card, promote it, take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.evaluation_forms import PromoteForm
from dashboard.evaluation_words import PREDICTOR_TONES
from dashboard.fragments import render_page
from dashboard.gate_lines import GateLines, gate_lines
from dashboard.predictor_card import card_of, compared
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.training_form import (
    TrainingForm,
    chosen_models,
    model_lines,
    ready_benchmarks,
    wanted_training,
)
from routerapp.models import Job, LanguageModel, PredictorState, PredictorVersion
from routerapp.serving import predictors
from routerapp.serving.learning_jobs import TRAIN, start_evaluation, start_training
from routerapp.serving.refusals import WriteRefused
from routerapp.store.predictors import live_predictor, without_artefacts


@allowed_to("train_predictor")
def predictor_train(request: HttpRequest) -> HttpResponse:
    """GET chooses benchmarks in its address and offers their models; POST starts the training."""
    if request.method != "POST":
        return _train_page(request, *_asked(request))
    form = TrainingForm(request.POST)
    benchmarks, models = request.POST.getlist("benchmark"), chosen_models(request.POST)
    if form.is_valid():
        try:
            job = start_training(wanted_training(form, benchmarks, models), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused, {"slug": "name"})
        else:
            return redirect("dashboard:evaluation-job", job_id=job.pk)
    return _train_page(request, form, benchmarks, models)


@allowed_to("read")
def predictor_detail(request: HttpRequest, name: str, version: int) -> HttpResponse:
    return _card_page(request, _row(name, version))


@allowed_to("read")
def predictor_compare(request: HttpRequest) -> HttpResponse:
    """?a=name@version&b=name@version"""
    rows = list(without_artefacts().order_by("name", "-version")[:200])
    named = {str(row): row for row in rows}
    first, second = (named.get(request.GET.get(side, "")) for side in ("a", "b"))
    context = {
        "names": list(named),
        "chosen": [request.GET.get(side, "") for side in ("a", "b")],
        "a": first,
        "b": second,
        "comparison": compared(first.card, second.card) if first and second else None,
        "gates": _gates_between(first, second) if first and second else [],
        "is_unknown": any(request.GET.get(side) and request.GET[side] not in named for side in ("a", "b")),
    }
    return render_page(
        request, "dashboard/evaluation/compare.html", context, status=422 if context["is_unknown"] else 200
    )


@allowed_to("promote_predictor")
@require_POST
def predictor_promote(request: HttpRequest, name: str, version: int) -> HttpResponse:
    row = _row(name, version)
    form = PromoteForm(request.POST, may_override=can(request, "override_champion_gate"))
    if form.is_valid():
        given = form.cleaned_data
        try:
            predictors.promote_predictor(
                name, version, by=actor_of(request), reason=given["reason"], override=given.get("override", False)
            )
        except WriteRefused as refused:
            put_on_form(form, refused, {"gate": ""})
        else:
            messages.success(request, f"{row} is in force. Every worker asks it within two seconds.")
            return redirect("dashboard:predictor-detail", name=name, version=version)
    return _card_page(request, row, promote=form, status=422)


@allowed_to("promote_predictor")
@require_POST
def predictor_retire(request: HttpRequest, name: str, version: int) -> HttpResponse:
    try:
        row = predictors.retire_predictor(name, version, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{row} is retired.")
    return redirect("dashboard:predictor-detail", name=name, version=version)


@allowed_to("promote_predictor")
@require_POST
def predictor_roll_back(request: HttpRequest) -> HttpResponse:
    try:
        row = predictors.roll_back_predictor(by=actor_of(request), reason=request.POST.get("reason", "")[:500])
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:evaluation")
    if row is None:
        messages.success(request, "No predictor is in force now: strategies that read predictions take their default.")
        return redirect("dashboard:evaluation")
    messages.success(request, f"{row} is in force again.")
    return redirect("dashboard:predictor-detail", name=row.name, version=row.version)


@allowed_to("train_predictor")
@require_POST
def predictor_evaluate(request: HttpRequest, name: str, version: int) -> HttpResponse:
    try:
        job = start_evaluation(name, version, request.POST.getlist("benchmark"), by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:predictor-detail", name=name, version=version)
    return redirect("dashboard:evaluation-job", job_id=job.pk)


def _asked(request: HttpRequest) -> tuple[TrainingForm, Sequence[str], Mapping[str, str] | None]:
    """What the address asks for: benchmarks, or everything of a training before."""
    job_id = request.GET.get("job", "")
    job = Job.objects.filter(kind=TRAIN, pk=int(job_id)).first() if job_id.isascii() and job_id.isdigit() else None
    if job is not None:
        return TrainingForm(initial=job.arguments), job.arguments["benchmarks"], job.arguments["models"]
    benchmarks = request.GET.getlist("benchmark")
    initial = {"name": benchmarks[0] if benchmarks else "", "leaves_one_out": True, "seed": 0}
    return TrainingForm(initial=initial), benchmarks, None


def _train_page(
    request: HttpRequest, form: TrainingForm, benchmarks: Sequence[str], models: Mapping[str, str] | None
) -> HttpResponse:
    rows = ready_benchmarks()
    chosen = [row for row in rows if row.slug in benchmarks]
    context = {
        "form": form,
        "benchmarks": [(row, row in chosen) for row in rows],
        "chosen": chosen,
        "lines": model_lines(chosen, models),
        "slugs": LanguageModel.objects.order_by("slug").values_list("slug", flat=True),
    }
    return render_page(request, "dashboard/evaluation/train.html", context, status=422 if form.is_bound else 200)


def _card_page(
    request: HttpRequest, row: PredictorVersion, *, promote: PromoteForm | None = None, status: int = 200
) -> HttpResponse:
    live = live_predictor()
    may_override = can(request, "override_champion_gate")
    is_live = row.state == PredictorState.LIVE
    gate = gate_lines(row.card) if predictors.what_gate_says(row, live) else None
    context = {
        "row": row,
        "tone": PREDICTOR_TONES[PredictorState(row.state)],
        "card": None if row.card.get("prior") else card_of(row.card),
        "live": live,
        "is_live": is_live,
        "previous": predictors.previous_predictor(row) if is_live else None,
        "gate_words": _gate_words(row, gate),
        "gate": gate,
        "promote": promote or PromoteForm(may_override=may_override),
        "others": without_artefacts().exclude(pk=row.pk).order_by("name", "-version")[:50],
        "benchmarks": ready_benchmarks(),
        "may_promote": can(request, "promote_predictor"),
        "may_override": may_override,
        "may_train": can(request, "train_predictor"),
    }
    page = "prior_predictor" if row.card.get("prior") else "predictor"
    return render_page(request, f"dashboard/evaluation/{page}.html", context, status=status)


def _gate_words(row: PredictorVersion, gate: GateLines | None) -> str:
    """Why it refuses; short where the halves are told below it."""
    refused = predictors.why_gate_refuses(row)
    return f"It is not better than {gate.name} with confidence." if refused and gate and gate.halves else refused


def _gates_between(
    first: PredictorVersion, second: PredictorVersion
) -> list[tuple[PredictorVersion, GateLines | None]]:
    """The verdicts of one of the two against the other, where there are any."""
    pairs = ((first, second), (second, first))
    return [(row, gate_lines(row.card)) for row, champion in pairs if predictors.what_gate_says(row, champion)]


def _row(name: str, version: int) -> PredictorVersion:
    if version >= 2**31:
        raise Http404("No such version.")
    return get_object_or_404(without_artefacts(), name=name, version=version)
