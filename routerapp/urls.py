"""Two includes: /api/ management, / dashboard. /v1/* never reaches Django (asgi.py)."""

from django.urls import include, path

handler500 = "dashboard.views.failures.server_error"
urlpatterns = [
    path("api/", include("routerapp.api.urls")),
    path("", include("dashboard.urls")),
]
