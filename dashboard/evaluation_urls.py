"""Addresses of learned routing: benchmarks, predictors, reports, and the jobs between them."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import benchmarks, evaluation, evaluation_reports, predictors, prior

HERE = "evaluation/"
PREDICTOR = HERE + "predictors/<slug:name>/<int:version>/"
REPORT = HERE + "reports/<int:report_id>/"
BENCHMARK = HERE + "benchmarks/<slug:slug>/"

urlpatterns: list[URLPattern] = [
    page(HERE, evaluation.evaluation, "evaluation"),
    # No benchmark can have this slug: it is reserved.
    page(HERE + "benchmarks/import/", benchmarks.benchmark_import, "benchmark-import"),
    page(BENCHMARK, benchmarks.benchmark_detail, "benchmark-detail"),
    page(BENCHMARK + "delete/", benchmarks.benchmark_delete, "benchmark-delete"),
    page(HERE + "prior/", prior.predictor_prior, "predictor-prior"),
    page(HERE + "train/", predictors.predictor_train, "predictor-train"),
    page(HERE + "predictors/compare/", predictors.predictor_compare, "predictor-compare"),
    page(HERE + "predictors/roll-back/", predictors.predictor_roll_back, "predictor-roll-back"),
    page(PREDICTOR, predictors.predictor_detail, "predictor-detail"),
    page(PREDICTOR + "promote/", predictors.predictor_promote, "predictor-promote"),
    page(PREDICTOR + "retire/", predictors.predictor_retire, "predictor-retire"),
    page(PREDICTOR + "evaluate/", predictors.predictor_evaluate, "predictor-evaluate"),
    page(REPORT, evaluation_reports.evaluation_report, "evaluation-report"),
    page(REPORT + "csv/", evaluation_reports.evaluation_csv, "evaluation-csv"),
    page(REPORT + "draft/", evaluation_reports.evaluation_draft, "evaluation-draft"),
    page(HERE + "jobs/<int:job_id>/", evaluation.evaluation_job, "evaluation-job"),
    page(HERE + "jobs/<int:job_id>/stop/", evaluation.evaluation_job_stop, "evaluation-job-stop"),
]
