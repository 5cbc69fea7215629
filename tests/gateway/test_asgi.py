"""The one ASGI application: lifespan, dispatch by path, and the Runtime within reach of Django's views."""

from __future__ import annotations

import asyncio
import gc

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from tests import factories


@pytest.fixture
def _collector():
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


class Lifespan:
    """Drives an application's lifespan as a server would."""

    def __init__(self, application) -> None:
        self.application = application
        self.state = {}
        self._inbox = asyncio.Queue()
        self._outbox = asyncio.Queue()

    async def __aenter__(self):
        scope = {"type": "lifespan", "state": self.state}
        self._task = asyncio.create_task(self.application(scope, self._inbox.get, self._outbox.put))
        await self._inbox.put({"type": "lifespan.startup"})
        assert (await self._outbox.get())["type"] == "lifespan.startup.complete"
        return self

    async def __aexit__(self, *problem) -> None:
        await self._inbox.put({"type": "lifespan.shutdown"})
        assert (await self._outbox.get())["type"] == "lifespan.shutdown.complete"
        await self._task


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_collector")
async def test_sends_the_gateways_paths_to_the_gateway_and_the_rest_to_django(tmp_path, monkeypatch):
    from routerapp.asgi import Application

    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    reached = []

    async def django(scope, receive, send):
        reached.append((scope["path"], scope["runtime"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"django"})

    def catalogue() -> str:
        factories.a_deployment(slug="one")
        factories.a_policy(slug="support", is_default=True)
        key = factories.a_key(slug="app")
        factories.record_config_revision("test")
        return key.full_key

    key = await sync_to_async(catalogue)()
    application = Application(django)
    early = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=early, base_url="http://localhost") as client:
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        assert (await client.post("/v1/chat/completions", json={})).status_code == 503

    async with Lifespan(application) as lifespan:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
            assert (await client.get("/readyz")).json()["status"] == "ready"
            body = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}
            answer = await client.post("/v1/chat/completions", json=body, headers={"x-api-key": key})
            assert answer.status_code == 200
            decision = answer.headers["x-router-decision-id"]
            assert (await client.get("/api/policies/")).text == "django"
            assert (await client.get(f"/v1/router/decisions/{decision}")).status_code == 401
        runtime = lifespan.state["runtime"]
        assert reached == [("/api/policies/", runtime)]
    assert runtime.is_draining
