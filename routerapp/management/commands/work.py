"""The process for background jobs: one Celery worker with the scheduler as a thread, so that nothing is left behind when it dies."""

from __future__ import annotations

from typing import Any

from celery.beat import EmbeddedService
from django.core.management.base import BaseCommand

from routerapp.celery import app
from routerapp.management.parent import exit_with_parent


class Command(BaseCommand):
    help = "Run background jobs and their schedule (started by `run`)."

    def handle(self, *args: Any, **options: Any) -> None:
        exit_with_parent()
        schedule = EmbeddedService(app, thread=True)
        schedule.daemon = True
        schedule.start()
        app.worker_main(["worker", "--pool=solo", "--loglevel=WARNING", "--without-gossip", "--without-mingle"])
