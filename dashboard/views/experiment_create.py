"""A new experiment: one form, three answers. A pressed button edits it, Make writes experiment and draft, anything wrong is 422 with every input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import slugify

from dashboard.catalogue_options import load_catalogue_options
from dashboard.experiment_forms import ExperimentForm, ask_about_same, new_form, read_form
from dashboard.experiment_places import Place, load_places
from dashboard.fragments import render_page
from dashboard.policy_traffic import hits_by_rule
from dashboard.ranges import now_ms
from dashboard.roles import actor_of, allowed_to
from routerapp.models import Experiment
from routerapp.serving.experiments import NewExperiment, create_experiment
from routerapp.serving.refusals import Invalid, WriteRefused
from routerapp.serving.slugs import RESERVED

PAGE = "dashboard/experiments/create.html"
MAX_SLUG = 50


@allowed_to("edit_draft")
def experiment_create(request: HttpRequest) -> HttpResponse:
    """GET takes policy and rule, so that a rule's card can lead here."""
    places = load_places()
    if request.method != "POST":
        asked = request.GET.get("policy", "")
        place = places.find(asked, request.GET.get("rule", "")) or places.first(asked)
        return _page(request, new_form(load_catalogue_options(place.policy if place else ""), places, place))
    policy = request.POST.get("policy", "")
    place = places.find(policy, request.POST.get("rule", ""))
    form = read_form(request.POST, load_catalogue_options(policy), places, place or places.first(policy))
    verb, _, path = request.POST.get("do", "").partition(":")
    if verb and verb != "save":
        form.edit(verb, path)
        return _page(request, form)
    made = _make(request, form, place)
    if made is None:
        return _page(request, form, status=422)
    messages.success(request, f"“{made.name}” is ready. Nobody is drawn into it before you start it.")
    return redirect("dashboard:experiment-detail", slug=made.slug)


def _page(request: HttpRequest, form: ExperimentForm, status: int = 200) -> HttpResponse:
    place = form.place
    context = {
        "form": form,
        "rules": form.places.of(place.policy) if place else (),
        "traffic": _traffic(place) if place else None,
    }
    return render_page(request, PAGE, context, fragments={"fields"}, status=status)


def _traffic(place: Place) -> Mapping[str, Any]:
    """Requests of the rule in the last seven days, recorded under no rule for the default."""
    hits = hits_by_rule(place.policy, now_ms())
    found = hits.get(place.rule) or (hits.get("") if place.rule == "default" else None)
    return {"n": found.n if found else 0, "a_day": round(found.n / 7) if found else 0}


def _make(request: HttpRequest, form: ExperimentForm, place: Place | None) -> Experiment | None:
    """None when something is wrong; what, stands in the form."""
    arms = form.arm_documents()
    ask_about_same(form, arms)
    if not form.name.value.strip():
        form.name.problems.append("Name it, so that others know what is tested.")
    if place is None:
        form.place_problems.append("Choose a rule of this policy; the one asked for is not in it.")
    if form.has_problems or place is None:
        return None
    wanted = NewExperiment(
        slug=form.slug.value.strip() or _free_slug(form.name.value),
        name=form.name.value.strip(),
        policy=place.policy,
        rule_id=place.rule,
        arms=arms,
        hypothesis=form.hypothesis.value.strip(),
        unit=form.unit.value,
    )
    try:
        experiment, _ = create_experiment(wanted, by=actor_of(request))
    except Invalid as refused:
        form.put(refused.problems)
        return None
    except WriteRefused as refused:
        form.problems.append(str(refused))
        return None
    return experiment


def _free_slug(name: str) -> str:
    """From the name, with a number behind it where that is taken."""
    plain = slugify(name)[: MAX_SLUG - 4].strip("-_") or "experiment"
    taken = set(Experiment.objects.filter(slug__startswith=plain).values_list("slug", flat=True)) | RESERVED
    return next(slug for slug in [plain, *(f"{plain}-{number}" for number in range(2, 1_000))] if slug not in taken)
