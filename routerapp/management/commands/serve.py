"""The gateway and dashboard process: uvicorn around routerapp.asgi."""

from __future__ import annotations

import warnings
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from routerapp.management.parent import exit_with_parent

DRAIN_SECONDS = 60


class Command(BaseCommand):
    help = "Serve the gateway and the dashboard (started by `run`)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        exit_with_parent()
        # Static files and exports are bounded and read in a thread; Django would rather have them asynchronous.
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
        uvicorn.run(
            "routerapp.asgi:application",
            host=settings.ENVIRONMENT.host,
            port=settings.ENVIRONMENT.port,
            loop="uvloop",
            http=import_string("routerapp.gateway.protocol.GatewayProtocol"),
            lifespan="on",
            # Its own would print past our handler, which redacts.
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
