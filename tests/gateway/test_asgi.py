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


async def post_to_django(body, path="/sign-in/"):
    """(status, code, bytes Django was given) of a POST to a page's address."""
    from routerapp.asgi import Application

    given = []

    async def django(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            given.append(len(message["body"]))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    transport = httpx.ASGITransport(Application(django))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post(path, content=body)
    return answer.status_code, answer.json().get("error", {}).get("code"), sum(given)


async def test_a_page_takes_a_form_of_ordinary_size():
    assert await post_to_django(b"a" * 1_000_000) == (200, None, 1_000_000)


async def test_a_page_reads_nothing_of_a_body_that_says_it_is_too_large():
    assert await post_to_django(b"a" * 5_000_000) == (413, "body_too_large", 0)


async def test_only_a_benchmarks_file_may_be_larger_than_a_form():
    body = b"a" * 5_000_000

    assert await post_to_django(body, path="/evaluation/benchmarks/import/") == (200, None, 5_000_000)
    assert await post_to_django(body, path="/api/benchmarks") == (200, None, 5_000_000)
    assert (await post_to_django(body, path="/api/benchmarks/x"))[0] == 413


async def test_a_page_stops_reading_a_body_without_a_length_at_its_limit():
    async def chunks():
        for _ in range(100):
            yield b"a" * 1_000_000

    status, code, given = await post_to_django(chunks())

    assert (status, code) == (413, "body_too_large")
    assert given <= 4 * 1024 * 1024


async def test_a_page_waits_only_so_long_for_a_body(monkeypatch):
    from routerapp.gateway import bounded_receive

    monkeypatch.setattr(bounded_receive, "BODY_SECONDS", 0.05)

    async def chunks():
        yield b"a"
        await asyncio.sleep(2)
        yield b"b"

    status, code, given = await post_to_django(chunks())

    assert (status, code, given) == (408, "body_too_slow", 1)
