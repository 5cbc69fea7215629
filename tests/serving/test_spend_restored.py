"""A worker that starts counts what was spent before: of keys and teams at once, of end users as soon as one is limited, late if it must."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError

from routerapp.models import EndUserAllowance
from routerapp.serving import startup
from routerapp.serving.runtime import Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.spend_together import look
from routerapp.store.drain import Drainer
from routerapp.store.revisions import record_config_revision
from routerapp.store.undrained import UndrainedSpend
from tests import factories
from tests.runtimes import QUICK, a_chat
from tests.serving.limited import usage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    before = gc.get_threshold()
    yield tmp_path
    gc.unfreeze()
    gc.set_threshold(*before)


def workspace() -> None:
    model = factories.a_language_model(slug="small")
    deployment = factories.a_deployment(slug="cheap", language_model=model, simulation=QUICK)
    if not deployment.prices.exists():
        factories.a_price(deployment)
    factories.a_policy(slug="support", is_default=True)
    factories.a_key(slug="app", team=factories.a_team(slug="core"), daily_spend_nusd=10**12)
    record_config_revision("test")


def limit_users() -> None:
    EndUserAllowance.objects.create(user_hash="*", monthly_spend_nusd=10**12)
    record_config_revision("limit users")


async def ask(runtime: Runtime, user: str) -> None:
    caller = runtime.snapshot.config.callers["app"]
    await serve_chat(runtime, a_chat(user=user, model="auto"), caller)


async def opened() -> Runtime:
    return await startup.open_runtime(settings)


def drain(folder: Path) -> None:
    with Drainer("default", folder) as drainer:
        drainer.drain_once()


def month_of(runtime: Runtime, *names: str) -> list[int]:
    rows = runtime.limits.usage_report(names, runtime.clock.now_ms())
    return [rows.get(name, {}).get("month_spent_nusd", 0) for name in names]


async def test_keys_and_teams_at_the_start_and_users_once_they_are_limited(folder: Path) -> None:
    await sync_to_async(workspace)()
    first = await opened()
    for _ in range(2):
        await ask(first, "ada")
    ada = next(name for name in first.limits._users)
    spent = usage(first)["month_spent_nusd"]
    await sync_to_async(drain)(folder)
    await ask(first, "ada")
    total = usage(first)["month_spent_nusd"]
    await first.close(1)

    second = await opened()
    try:
        assert 0 < spent < total
        assert month_of(second, "key:app", "team:core", ada) == [total, total, 0]
        await ask(second, "ada")
        more = usage(second)["month_spent_nusd"]
        await sync_to_async(limit_users)()
        await second.refresh()
        assert month_of(second, "key:app", "team:core", ada) == [more, more, more]
        await second.refresh()
        assert month_of(second, "key:app", ada) == [more, more]
    finally:
        await second.close(1)


async def test_late_and_without_counting_twice_when_the_database_was_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(workspace)()
    first = await opened()
    await ask(first, "ada")
    before = usage(first)["month_spent_nusd"]
    await first.close(1)
    time.sleep(0.005)

    def down(*args: Any) -> None:
        raise DatabaseError("down")

    with monkeypatch.context() as patch:
        for name in ("current_serial", "spend_of_callers", "spend_of_rows", "report_worker"):
            patch.setattr(startup, name, down)
        second = await opened()
        await ask(second, "ada")
        own = usage(second)["month_spent_nusd"]
    try:
        await second.refresh()
        assert month_of(second, "key:app", "team:core") == [before + own] * 2
    finally:
        await second.close(1)


async def test_several_processes_see_what_all_have_spent_drained_or_not_and_none_of_it_twice(folder: Path) -> None:
    await sync_to_async(workspace)()
    first, second = await opened(), await opened()
    names = ("key:app", "team:core")
    try:
        for runtime, times in ((first, 2), (second, 1)):
            for _ in range(times):
                await ask(runtime, "ada")
        apart = [month_of(runtime, "key:app")[0] for runtime in (first, second)]
        seen, seen_by_second = UndrainedSpend(folder / "spool"), UndrainedSpend(folder / "spool")
        for _ in range(2):
            await look(first, seen)
            await look(second, seen_by_second)
        assert min(apart) > 0
        assert month_of(first, *names) == month_of(second, *names) == [sum(apart)] * 2

        await sync_to_async(drain)(folder)
        await ask(first, "ada")
        await look(second, seen_by_second)
        assert month_of(second, *names) == month_of(first, *names)
        assert usage(second)["month_held_nusd"] == 0
    finally:
        await first.close(1)
        await second.close(1)


async def test_what_is_spent_while_looking_is_not_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await sync_to_async(workspace)()
    runtime = await opened()
    try:
        await ask(runtime, "ada")
        in_thread = runtime.in_thread

        async def slowly(work: Any, *args: Any) -> Any:
            found = await in_thread(work, *args)
            await ask(runtime, "ada")
            return found

        runtime.in_thread = slowly  # type: ignore[assignment]
        undrained = UndrainedSpend(folder / "spool")
        await look(runtime, undrained)
        runtime.in_thread = in_thread
        counted = month_of(runtime, "key:app")
        await look(runtime, undrained)
        assert month_of(runtime, "key:app") == counted
    finally:
        await runtime.close(1)
