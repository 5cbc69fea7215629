"""One process, two applications: the gateway's paths go to the lean ASGI application, everything else to Django.

The Runtime is opened in the lifespan and travels by scope; importing this module opens nothing but Django itself.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routerapp.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# These reach the models, which can be imported only once Django is set up.
from routerapp.gateway.all_workers import exposition_for_sibling  # noqa: E402
from routerapp.gateway.answers import send_refusal  # noqa: E402
from routerapp.gateway.app import Gateway  # noqa: E402
from routerapp.gateway.body import Receive, Scope, Send  # noqa: E402
from routerapp.gateway.bounded_receive import MAX_BYTES, BoundedReceive  # noqa: E402
from routerapp.logs.access import AccessLog  # noqa: E402
from routerapp.serving.benchmarks import MOST_BYTES  # noqa: E402
from routerapp.serving.startup import open_runtime  # noqa: E402

# A benchmark's file and the few fields beside it.
UPLOAD_PATHS = frozenset({"/api/benchmarks", "/evaluation/benchmarks/import/"})
UPLOAD_BYTES = MOST_BYTES + 1024 * 1024
GATEWAY_PATHS = frozenset({"/v1", "/api/route", "/livez", "/readyz", "/metrics"})


class Application:
    def __init__(self, django: Any) -> None:
        self._django = django
        self._gateway = Gateway(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path.startswith("/v1/") or path in GATEWAY_PATHS:
                return await self._gateway(scope, receive, send)
            return await self._answer_page(scope, receive, send)
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        await send({"type": "websocket.close", "code": 1000})

    async def _answer_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["runtime"] = self._gateway.runtime
        most = UPLOAD_BYTES if scope["path"] in UPLOAD_PATHS else MAX_BYTES
        bounded = BoundedReceive(dict(scope["headers"]), receive, most)
        if bounded.refused is None:
            await self._django(scope, bounded, send)
        if bounded.refused is not None:
            await send_refusal(send, bounded.refused, "")

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            runtime = await open_runtime(settings)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            raise
        if runtime.siblings is not None:
            runtime.siblings.answers["metrics"] = partial(exposition_for_sibling, runtime)
        self._gateway.runtime = runtime
        scope.setdefault("state", {})["runtime"] = runtime
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await runtime.close()
        await send({"type": "lifespan.shutdown.complete"})


application: Application | AccessLog = Application(django_application)
if settings.ENVIRONMENT.observability.has_access_log:
    application = AccessLog(application, settings.ENVIRONMENT.trusted_proxies.client_of)
