"""The one Django app with tables."""

from django.apps import AppConfig


class RouterAppConfig(AppConfig):
    name = "routerapp"
    default_auto_field = "django.db.models.BigAutoField"
