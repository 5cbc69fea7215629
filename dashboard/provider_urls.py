"""Addresses of the Providers page."""

from dashboard.sitemap import page
from dashboard.views import provider_models, providers

urlpatterns = [
    page("providers/", providers.provider_list, "provider-list"),
    page("providers/new/", providers.provider_create, "provider-create"),
    page("providers/<slug:slug>/", providers.provider_detail, "provider-detail"),
    page("providers/<slug:slug>/edit/", providers.provider_edit, "provider-edit"),
    page("providers/<slug:slug>/test/", providers.provider_test, "provider-test"),
    page("providers/<slug:slug>/credential/", providers.provider_credential, "provider-credential"),
    page("providers/<slug:slug>/models/", provider_models.provider_models, "provider-models"),
    page("providers/<slug:slug>/toggle/", providers.provider_toggle, "provider-toggle"),
    page("providers/<slug:slug>/archive/", providers.provider_archive, "provider-archive"),
]
