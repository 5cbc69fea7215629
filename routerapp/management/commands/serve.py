"""One gateway and dashboard process: uvicorn around routerapp.asgi."""

from __future__ import annotations

import signal
import warnings
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from routerapp.management.child import tell_ready
from routerapp.management.connection_table import ConnectionTable, place_of
from routerapp.management.listener import BACKLOG, inherited_listener, open_listener
from routerapp.management.parent import exit_with_parent
from routerapp.management.worker_server import WorkerServer
from routerapp.serving.worker_place import WorkerPlace, read_place

# Longer than clients and proxies keep an idle connection: it is theirs to close, so none of their requests meets a closed one.
KEEP_ALIVE_SECONDS = 75


class Command(BaseCommand):
    help = "Serve the gateway and the dashboard (started by `run`)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        exit_with_parent()
        # A restart is the supervisor's affair, whoever the signal was sent to.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        environment = settings.ENVIRONMENT
        place = read_place() or WorkerPlace()
        if place.generation > 1:
            _refuse_new_schema()
        # Static files and exports are bounded and read in a thread; Django would rather have them asynchronous.
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
        listener = inherited_listener()
        if listener is None:
            listener = open_listener(environment.host, environment.port)
            listener.listen(BACKLOG)
        config = uvicorn.Config(
            "routerapp.asgi:application",
            loop="uvloop",
            http=import_string("routerapp.gateway.protocol.GatewayProtocol"),
            lifespan="on",
            # Its own would print past our handler, which redacts.
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        WorkerServer(
            config,
            listener,
            drain_seconds=environment.gateway.drain_seconds,
            on_ready=tell_ready,
            table=ConnectionTable.inherited(),
            place=place_of(place.slot, place.generation),
        ).run()


def _refuse_new_schema() -> None:
    """Code that was replaced under a running installation may want tables that are not there yet."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return
    finally:
        connection.close()
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
        raise CommandError(
            f"this code has migrations that are not applied ({names}): stop Signalbox and start it again"
        )
