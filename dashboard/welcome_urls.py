"""Addresses of the first-run wizard, a step each."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import welcome, welcome_key, welcome_models, welcome_policy, welcome_provider

urlpatterns: list[URLPattern] = [
    page("welcome/", welcome.start, "welcome"),
    page("welcome/close/", welcome.close, "welcome-close"),
    page("welcome/start-empty/", welcome.start_empty, "welcome-start-empty"),
    page("welcome/password/", welcome.password, "welcome-password"),
    page("welcome/provider/", welcome_provider.gallery, "welcome-provider"),
    page("welcome/provider/simulated/", welcome_provider.simulated, "welcome-simulated"),
    page("welcome/provider/of/<slug:preset>/", welcome_provider.connect, "welcome-connect"),
    page("welcome/provider/check/<slug:slug>/", welcome_provider.check, "welcome-check"),
    page("welcome/models/", welcome_models.models, "welcome-models"),
    page("welcome/models/terms/", welcome_models.terms, "welcome-terms"),
    page("welcome/policy/", welcome_policy.policy, "welcome-policy"),
    page("welcome/key/", welcome_key.key, "welcome-key"),
    page("welcome/request/", welcome_key.first_request, "welcome-request"),
]
