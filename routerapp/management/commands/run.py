"""`make run`: set up what is missing, then gateway, dashboard, drainer and jobs under one supervisor."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from routerapp.demo.wanted import wants_demo
from routerapp.environment import BadSetting, Environment
from routerapp.management.banner import banner, first_words, keep_first_key
from routerapp.management.supervisor import AlreadyRunning, ChildKeepsFailing, Supervisor
from routerapp.serving.installation import first_start, has_deployments
from routerapp.store.secrets import WrongDataFolder

READY_SECONDS = 60.0
CHILDREN = (("gateway", ("serve",)), ("drainer", ("drain",)), ("jobs", ("work",)))


class Command(BaseCommand):
    help = "Set up what is missing and run Signalbox until Ctrl-C."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # Sessions, hashes and records are nobody else's on this machine, whatever folder they are told to be in.
        os.umask(0o077)
        environment = settings.ENVIRONMENT
        manage = Path(settings.BASE_DIR) / "manage.py"
        try:
            supervisor = Supervisor(environment.data_dir, manage, CHILDREN)
        except AlreadyRunning as error:
            raise CommandError(str(error)) from None
        try:
            key_file = _set_up(environment)
            supervisor.start()
            _wait_until_ready(supervisor, environment.host, environment.port)
            if not supervisor.is_stopping:
                _say(banner(environment, key_file, can_route=has_deployments()))
            supervisor.gives_up = False
            supervisor.watch()
        except (ChildKeepsFailing, WrongDataFolder) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            _say("\nInterrupted during set-up; the next start goes on from here.\n")
        finally:
            supervisor.stop()
        _say("\nSignalbox has stopped.\n")


def _set_up(environment: Environment) -> Path:
    """Everything that is missing, in order; returns the file with the first key. The password is printed as soon as it exists."""
    _refuse_busy_port(environment.host, environment.port)
    _migrate()
    _collect_static()
    start = first_start(environment)
    key_file = keep_first_key(environment, start)
    _say(first_words(start))
    if wants_demo():
        _seed_demo()
    return key_file


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _refuse_busy_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadSetting("SIGNALBOX_PORT", str(port), f"a port that is free on {host} ({error.strerror})") from None


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


def _wait_until_ready(supervisor: Supervisor, host: str, port: int) -> None:
    shown = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and not supervisor.is_stopping:
        supervisor.tick()
        try:
            with urllib.request.urlopen(f"http://{shown}:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    if not supervisor.is_stopping:
        raise CommandError(f"The gateway was not ready within {READY_SECONDS:.0f} seconds; its messages are above.")
