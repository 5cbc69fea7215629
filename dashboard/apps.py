"""The app that owns pages and no tables."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
