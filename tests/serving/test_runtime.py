"""One worker's Runtime: swapping, looking for newer configurations, age, draining; and opening one on a database."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError

from routerapp.models import WorkerReport
from routerapp.providers.clock import SystemClock
from routerapp.serving import startup
from routerapp.serving.runtime import NotReady, Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.store.journal import Journal
from routerapp.store.live import LiveState
from tests import factories
from tests.runtimes import CALLER, a_chat, a_runtime, a_snapshot


def test_has_nothing_to_serve_before_the_first_snapshot(tmp_path):
    clock = SystemClock()
    runtime = Runtime(
        clock, LiveState(), Journal(tmp_path / "spool", reserve_bytes=0), startup.make_transport((), clock)
    )

    assert not runtime.is_ready
    with pytest.raises(NotReady):
        _ = runtime.snapshot


async def test_many_who_ask_for_a_newer_configuration_share_one_look(tmp_path):
    runtime = a_runtime(tmp_path, clock=SystemClock())
    looks = []

    async def reload() -> None:
        looks.append(runtime.clock.monotonic())
        await asyncio.sleep(0.01)

    runtime.reload = reload
    await asyncio.gather(*(runtime.refresh() for _ in range(20)))
    await asyncio.gather(*(runtime.refresh() for _ in range(20)))

    assert len(looks) == 2
    assert looks[1] - looks[0] >= 0.99


def test_a_configuration_nobody_confirms_grows_too_old(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(settings={"max_snapshot_age_seconds": 60}))
    runtime.confirmed_at = runtime.clock.monotonic()

    runtime.clock.advance(59)
    assert runtime.is_ready
    runtime.clock.advance(2)
    assert not runtime.is_ready


def test_an_operators_cooldown_holds_until_it_is_over_or_taken_back(tmp_path):
    runtime = a_runtime(tmp_path)
    until = runtime.clock.now_ms() + 60_000

    def breaker() -> str:
        return runtime.live.view(runtime.clock.now_ms()).deployments["cheap"].breaker

    runtime.swap(a_snapshot(settings={"control": {"cooldowns": {"cheap": until}}}, serial=2))
    assert breaker() == "open"
    runtime.swap(a_snapshot(serial=3))
    assert breaker() == "closed"


async def test_closing_waits_for_running_requests_and_no_longer_than_told(tmp_path):
    runtime = a_runtime(tmp_path, clock=SystemClock())
    runtime.in_flight = 1
    asyncio.get_running_loop().call_later(0.1, lambda: setattr(runtime, "in_flight", 0))

    begun = runtime.clock.monotonic()
    await runtime.close()

    assert 0.08 < runtime.clock.monotonic() - begun < 5
    assert runtime.is_draining


@pytest.fixture
def _collector():
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return tmp_path


def catalogue() -> None:
    factories.a_deployment(slug="one")
    factories.a_policy(slug="support", is_default=True)
    factories.record_config_revision("test")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_collector")
async def test_opens_on_the_database_and_follows_it_within_two_seconds(folder):
    await sync_to_async(catalogue)()
    runtime = await startup.open_runtime(settings)
    try:
        first = runtime.snapshot.serial
        served = await serve_chat(runtime, a_chat(), CALLER)
        assert served.headers["x-router-model"].startswith("model-")

        await sync_to_async(factories.a_deployment)(slug="two")
        await sync_to_async(factories.record_config_revision)("another")
        async with asyncio.timeout(2):
            while "two" not in runtime.snapshot.config.deployments:
                await asyncio.sleep(0.05)
        assert runtime.snapshot.serial > first
        async with asyncio.timeout(2):
            while not await WorkerReport.objects.filter(worker=runtime.journal.boot_id).aexists():
                await asyncio.sleep(0.05)
        assert os.stat(folder / "snapshot.last-good").st_mode & 0o777 == 0o600
    finally:
        await runtime.close(1)
    assert not await WorkerReport.objects.filter(worker=runtime.journal.boot_id).aexists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_collector")
async def test_a_report_that_is_being_written_while_it_stops_leaves_no_row(folder, monkeypatch):
    await sync_to_async(catalogue)()
    is_writing, write = threading.Event(), startup.report_worker

    def slowly(*report: object) -> None:
        is_writing.set()
        time.sleep(0.5)
        write(*report)

    monkeypatch.setattr(startup, "report_worker", slowly)
    runtime = await startup.open_runtime(settings)
    async with asyncio.timeout(10):
        while not is_writing.is_set():
            await asyncio.sleep(0.01)
    await runtime.close(1)

    assert not await WorkerReport.objects.filter(worker=runtime.journal.boot_id).aexists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_collector")
async def test_starts_from_the_last_good_configuration_while_the_database_is_down(folder, monkeypatch, caplog):
    await sync_to_async(catalogue)()
    await (await startup.open_runtime(settings)).close(1)

    def down(*args):
        raise DatabaseError("down")

    for name in ("current_serial", "load_snapshot", "spend_of_callers", "report_worker", "retire_worker"):
        monkeypatch.setattr(startup, name, down)
    runtime = await startup.open_runtime(settings)
    try:
        served = await serve_chat(runtime, a_chat(), CALLER)
        assert served.status == 200
        assert runtime.is_ready
    finally:
        await runtime.close(1)
    assert "last good configuration" in caplog.text
