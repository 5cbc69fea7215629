"""Addresses of language models, deployments, prices and scores."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import deployments, language_models, scores

urlpatterns: list[URLPattern] = [
    page("models/", language_models.language_model_list, "language-model-list"),
    page("models/new/", language_models.language_model_create, "language-model-create"),
    page("models/dimensions/new/", scores.dimension_create, "dimension-create"),
    page("models/deployments/new/", deployments.deployment_create, "deployment-create"),
    page("models/deployments/<slug:slug>/edit/", deployments.deployment_edit, "deployment-edit"),
    page("models/deployments/<slug:slug>/toggle/", deployments.deployment_toggle, "deployment-toggle"),
    page("models/deployments/<slug:slug>/prices/new/", deployments.price_create, "price-create"),
    page("models/<slug:slug>/", language_models.language_model_detail, "language-model-detail"),
    page("models/<slug:slug>/edit/", language_models.language_model_edit, "language-model-edit"),
    page("models/<slug:slug>/scores/<slug:dimension>/", scores.score_edit, "score-edit"),
]
