"""Addresses of experiments."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import experiment_create, experiments

ONE = "experiments/<slug:slug>/"

urlpatterns: list[URLPattern] = [
    page("experiments/", experiments.experiment_list, "experiment-list"),
    # No experiment can have this slug: it is reserved.
    page("experiments/new/", experiment_create.experiment_create, "experiment-create"),
    page(ONE, experiments.experiment_detail, "experiment-detail"),
    page(ONE + "start/", experiments.experiment_start, "experiment-start"),
    page(ONE + "stop/", experiments.experiment_stop, "experiment-stop"),
    page(ONE + "decide/", experiments.experiment_decide, "experiment-decide"),
    page(ONE + "discard/", experiments.experiment_discard, "experiment-discard"),
    page(ONE + "csv/<slug:metric>/", experiments.experiment_csv, "experiment-csv"),
]
