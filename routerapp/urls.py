"""Two includes: /api/ management, / dashboard. /v1/* never reaches Django (asgi.py)."""

from django.urls import include, path

urlpatterns = [
    path("api/", include("routerapp.api.urls")),
    path("", include("dashboard.urls")),
]
