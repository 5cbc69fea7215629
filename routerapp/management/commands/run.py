"""`make run`: set up what is missing, then gateway, dashboard, drainer and jobs under one supervisor."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from routerapp.demo.wanted import wants_demo
from routerapp.environment import BadSetting, Environment
from routerapp.management.banner import banner, first_words, keep_first_key
from routerapp.management.gateway_plans import DRAINER, JOBS, GatewayPlans
from routerapp.management.listener import BACKLOG, open_listener
from routerapp.management.supervisor import AlreadyRunning, ChildKeepsFailing, Supervisor
from routerapp.serving.installation import FirstStart, first_start, has_deployments
from routerapp.serving.siblings import empty_folder, make_folder
from routerapp.store.last_good import FILE_NAME as LAST_GOOD
from routerapp.store.secrets import WrongDataFolder
from routerapp.store.turn import SETUP, taking_turns
from routerapp.worker_settings import MOST_WORKERS, WORKERS, WorkerSettings, read_worker_settings

READY_SECONDS = 60.0


class Command(BaseCommand):
    help = "Set up what is missing and run Signalbox until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--workers", metavar="N", help=f"gateway processes, 1 to {MOST_WORKERS} (else {WORKERS}, else 1)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Sessions, hashes and records are nobody else's on this machine, whatever folder they are told to be in.
        os.umask(0o077)
        environment = settings.ENVIRONMENT
        wanted = _wanted(environment, options["workers"])
        manage = Path(settings.BASE_DIR) / "manage.py"
        try:
            supervisor = Supervisor(environment.data_dir, manage)
        except AlreadyRunning as error:
            raise CommandError(str(error)) from None
        siblings = make_folder(environment.data_dir)
        try:
            with open_listener(environment.host, environment.port) as listener:
                self._run(supervisor, GatewayPlans(wanted, listener, siblings), listener, environment)
        except (ChildKeepsFailing, WrongDataFolder) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            _say("\nInterrupted during set-up; the next start goes on from here.\n")
        finally:
            # The socket is closed by now: with the last process that holds it too, connections are refused instead of left waiting.
            supervisor.stop()
            empty_folder(siblings)
        _say("\nSignalbox has stopped.\n")

    def _run(
        self, supervisor: Supervisor, plans: GatewayPlans, listener: socket.socket, environment: Environment
    ) -> None:
        key_file = _set_up(environment)
        _collect_static()
        listener.listen(BACKLOG)
        supervisor.start((*plans.generation(), DRAINER, JOBS), plans.generation)
        _wait_until_ready(supervisor)
        if not supervisor.is_stopping:
            _say(banner(environment, key_file, can_route=_can_route()))
        supervisor.gives_up = False
        supervisor.watch()


def _wanted(environment: Environment, workers: str | None) -> WorkerSettings:
    if workers is None:
        return environment.gateway
    try:
        return replace(environment.gateway, workers=read_worker_settings({WORKERS: workers}).workers)
    except BadSetting as error:
        raise CommandError(str(error).replace(WORKERS, "--workers")) from None


def _set_up(environment: Environment) -> Path:
    """Everything that is missing in the database, in order; returns the file with the first key. The password is printed as soon as it exists.

    Of several replicas one does the work; the others wait for it. A replica that has served before serves on without the database.
    """
    try:
        with taking_turns(SETUP, lambda: _say("Waiting for another replica to prepare the database …\n")):
            _migrate()
            start = first_start(environment)
            key_file = keep_first_key(environment, start)
            _say(first_words(start))
            if wants_demo():
                _seed_demo()
            return key_file
    except OperationalError as error:
        if connection.vendor == "sqlite":
            raise
        if not (environment.data_dir / LAST_GOOD).exists():
            raise CommandError(f"The database does not answer: {error}") from None
        _say(f"The database does not answer: {error}\nServing from the last good configuration meanwhile.\n")
        return keep_first_key(environment, FirstStart(None, None))


def _can_route() -> bool:
    try:
        return has_deployments()
    except OperationalError:
        return True


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        _say("Preparing the database …\n")
        call_command("migrate", verbosity=0, interactive=False)


def _collect_static() -> None:
    """Collect once per state of the static files; the stamp is a digest of their names, sizes and times."""
    root = Path(settings.STATIC_ROOT)
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}:{status.st_size}:{status.st_mtime_ns}\n".encode())
    stamp = root / "collected.json"
    wanted = {"digest": digest.hexdigest()}
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return
    _say("Collecting pages' files …\n")
    call_command("collectstatic", verbosity=0, interactive=False, clear=root.exists())
    stamp.write_text(json.dumps(wanted))


def _seed_demo() -> None:
    from routerapp.demo.seed import seed_demo

    _say("Making the demo workspace: thirty days of sample traffic …\n")
    began = time.monotonic()
    rows = seed_demo(say=lambda count: _say(f"  {count:,} …\n"))
    _say(f"  {rows:,} sample requests in {time.monotonic() - began:.0f} s\n")


def _wait_until_ready(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not supervisor.is_stopping and not supervisor.is_ready:
        if time.monotonic() > deadline:
            raise CommandError(f"The gateway was not ready within {READY_SECONDS:.0f} seconds; its messages are above.")
        supervisor.tick()
        time.sleep(0.05)
