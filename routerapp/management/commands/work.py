"""The process for background jobs: one Celery worker with the scheduler as a thread, so that nothing is left behind when it dies."""

from __future__ import annotations

import warnings
from typing import Any

from celery.app.utils import find_app
from celery.beat import EmbeddedService
from django.core.management.base import BaseCommand

from routerapp.management.heartbeat import Heartbeat
from routerapp.management.one_schedule import OneSchedule
from routerapp.management.parent import exit_with_parent


class Command(BaseCommand):
    help = "Run background jobs and their schedule (started by `run`)."

    # The checks would load every page, and Plotly with them, only to run jobs.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        exit_with_parent()
        # By name, as Celery's own command line does: the wiring is above the commands.
        app = find_app("routerapp.celery:app")
        schedule = EmbeddedService(app, thread=True, scheduler_cls=OneSchedule)
        schedule.daemon = True
        schedule.start()
        # A container's only user is root; the broker is our own folder and takes JSON alone.
        warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
        with Heartbeat("jobs") as heartbeat:
            heartbeat.keep_beating()
            app.worker_main(
                ["--quiet", "worker", "--pool=solo", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]
            )
