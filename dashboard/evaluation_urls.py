"""Addresses of learned routing: benchmarks, predictors, reports, and the jobs between them."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import (
    benchmarks,
    calibrations,
    evaluation,
    evaluation_reports,
    predictors,
    prior,
    refit,
    task_classes,
)

HERE = "evaluation/"
PREDICTOR = HERE + "predictors/<slug:name>/<int:version>/"
REPORT = HERE + "reports/<int:report_id>/"
BENCHMARK = HERE + "benchmarks/<slug:slug>/"
CALIBRATION = HERE + "calibrations/<int:calibration_id>/"
TASKS = HERE + "task-classes/"
HEADS = HERE + "task-heads/"

urlpatterns: list[URLPattern] = [
    page(HERE, evaluation.evaluation, "evaluation"),
    # No benchmark can have this slug: it is reserved.
    page(HERE + "benchmarks/import/", benchmarks.benchmark_import, "benchmark-import"),
    page(BENCHMARK, benchmarks.benchmark_detail, "benchmark-detail"),
    page(BENCHMARK + "delete/", benchmarks.benchmark_delete, "benchmark-delete"),
    page(HERE + "calibrations/new/", calibrations.calibration_create, "calibration-create"),
    page(CALIBRATION, calibrations.calibration_detail, "calibration-detail"),
    page(CALIBRATION + "start/", calibrations.calibration_start, "calibration-start"),
    page(CALIBRATION + "stop/", calibrations.calibration_stop, "calibration-stop"),
    page(CALIBRATION + "estimate/", calibrations.calibration_estimate, "calibration-estimate"),
    page(CALIBRATION + "finish/", calibrations.calibration_finish, "calibration-finish"),
    page(CALIBRATION + "delete/", calibrations.calibration_delete, "calibration-delete"),
    page(CALIBRATION + "grade/", calibrations.calibration_grade, "calibration-grade"),
    page(HERE + "prior/", prior.predictor_prior, "predictor-prior"),
    page(HERE + "train/", predictors.predictor_train, "predictor-train"),
    page(HERE + "predictors/compare/", predictors.predictor_compare, "predictor-compare"),
    page(HERE + "predictors/roll-back/", predictors.predictor_roll_back, "predictor-roll-back"),
    page(PREDICTOR, predictors.predictor_detail, "predictor-detail"),
    page(PREDICTOR + "promote/", predictors.predictor_promote, "predictor-promote"),
    page(PREDICTOR + "retire/", predictors.predictor_retire, "predictor-retire"),
    page(PREDICTOR + "evaluate/", predictors.predictor_evaluate, "predictor-evaluate"),
    page(HERE + "refit/", refit.refit_schedule, "refit-schedule"),
    page(HERE + "refit/now/", refit.refit_now, "refit-now"),
    page(REPORT, evaluation_reports.evaluation_report, "evaluation-report"),
    page(REPORT + "csv/", evaluation_reports.evaluation_csv, "evaluation-csv"),
    page(REPORT + "draft/", evaluation_reports.evaluation_draft, "evaluation-draft"),
    page(TASKS, task_classes.task_class_list, "task-class-list"),
    page(TASKS + "new/", task_classes.task_class_create, "task-class-create"),
    page(TASKS + "<slug:slug>/", task_classes.task_class, "task-class"),
    page(TASKS + "<slug:slug>/edit/", task_classes.task_class_edit, "task-class-edit"),
    page(TASKS + "<slug:slug>/remove/", task_classes.task_class_remove, "task-class-remove"),
    page(HEADS + "fit/", task_classes.task_head_fit, "task-head-fit"),
    page(HEADS + "shipped/", task_classes.task_head_shipped, "task-head-shipped"),
    page(HEADS + "roll-back/", task_classes.task_head_roll_back, "task-head-roll-back"),
    page(HEADS + "off/", task_classes.task_head_off, "task-head-off"),
    page(HEADS + "<int:version>/promote/", task_classes.task_head_promote, "task-head-promote"),
    page(HERE + "jobs/<int:job_id>/", evaluation.evaluation_job, "evaluation-job"),
    page(HERE + "jobs/<int:job_id>/stop/", evaluation.evaluation_job_stop, "evaluation-job-stop"),
]
