"""Addresses of language models, deployments, prices and scores."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import deployment_health, deployments, language_models, prices, scores

urlpatterns: list[URLPattern] = [
    page("models/", language_models.language_model_list, "language-model-list"),
    page("models/new/", language_models.language_model_create, "language-model-create"),
    page("models/dimensions/new/", scores.dimension_create, "dimension-create"),
    page("models/deployments/new/", deployments.deployment_create, "deployment-create"),
    page("models/-/learn/", scores.learn_now, "learn-now"),
    page("models/-/prices/", prices.price_import, "price-import"),
    page("models/-/prices/history/", prices.repricing, "repricing"),
    page("models/-/prices/history/<int:job_id>/", prices.repricing_job, "repricing-job"),
    page("models/-/prices/history/<int:job_id>/apply/", prices.repricing_apply, "repricing-apply"),
    page("models/-/prices/history/<int:job_id>/cancel/", prices.repricing_cancel, "repricing-cancel"),
    page("models/deployments/<slug:slug>/", deployment_health.deployment_detail, "deployment-detail"),
    page("models/deployments/<slug:slug>/operate/", deployment_health.deployment_operate, "deployment-operate"),
    page("models/deployments/<slug:slug>/archive/", deployment_health.deployment_archive, "deployment-archive"),
    page("models/deployments/<slug:slug>/edit/", deployments.deployment_edit, "deployment-edit"),
    page("models/deployments/<slug:slug>/toggle/", deployments.deployment_toggle, "deployment-toggle"),
    page("models/deployments/<slug:slug>/prices/new/", deployments.price_create, "price-create"),
    page("models/<slug:slug>/", language_models.language_model_detail, "language-model-detail"),
    page("models/<slug:slug>/edit/", language_models.language_model_edit, "language-model-edit"),
    page("models/<slug:slug>/scores/<slug:dimension>/", scores.score_edit, "score-edit"),
]
