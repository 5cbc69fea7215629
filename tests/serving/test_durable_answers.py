"""SIGNALBOX_DURABILITY=machine through the whole of serve_chat: begin is on the disk before the upstream hears of it, end before the last byte."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from routerapp.providers.clock import SystemClock
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.store.journal import Journal
from routerapp.store.records import Begin, End, decode_record
from routerapp.store.spool import scan
from tests.runtimes import CALLER, a_chat, a_policy, a_runtime, a_snapshot, journal_of


class Disk:
    def __init__(self) -> None:
        self.synced: dict[int, int] = {}
        self.is_broken = False

    def sync(self, descriptor: int) -> None:
        if self.is_broken:
            raise OSError(errno.EIO, "Input/output error")
        status = os.fstat(descriptor)
        self.synced[status.st_ino] = status.st_size


class Watched(SimulatedTransport):
    """Notes what the disk held when a request went upstream."""

    def __init__(self, clock, held) -> None:
        super().__init__(clock, seed=1)
        self.held = held
        self.seen: list[list[object]] = []

    async def open(self, request, connect_ms):
        self.seen.append(self.held())
        return await super().open(request, connect_ms)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def runtime(tmp_path, disk):
    made = a_runtime(
        tmp_path, a_snapshot(policies=[a_policy(cache={"mode": "exact", "ttl_seconds": 300})]), SystemClock()
    )
    made.journal.close()
    made.journal = Journal(tmp_path / "synced", reserve_bytes=4096, is_synced=True, sync=disk.sync)
    made.transport = Watched(made.clock, lambda: on_disk(made, disk))
    made.__post_init__()
    yield made
    made.journal.close()


def on_disk(runtime, disk: Disk) -> list[object]:
    """The records a power cut at this moment would leave."""
    found = []
    for path in sorted(runtime.journal.folder.glob("*.log")):
        data = path.read_bytes()[: disk.synced.get(path.stat().st_ino, 0)]
        found += [decode_record(piece.payload) for piece in scan(data, 0, is_final=True) if piece.payload]
    return found


def in_flight(runtime) -> int:
    deployments = runtime.live.view(runtime.clock.now_ms()).deployments
    return sum(one.in_flight for one in deployments.values())


async def test_begin_is_on_the_disk_before_the_upstream_and_end_before_the_answer(runtime, disk):
    served = await serve_chat(runtime, a_chat(), CALLER)

    assert [[type(one) for one in seen] for seen in runtime.transport.seen] == [[Begin]]
    assert on_disk(runtime, disk) == journal_of(runtime)
    assert on_disk(runtime, disk)[-1].id == served.decision_id


async def test_the_end_of_a_stream_is_on_the_disk_before_its_last_event(runtime, disk):
    served = await serve_chat(runtime, a_chat(stream=True), CALLER)
    ended_at = {}
    async for event in served.stream:
        ended_at[event] = any(isinstance(one, End) for one in on_disk(runtime, disk))

    assert ended_at[b"data: [DONE]\n\n"]
    assert not next(iter(ended_at.values()))


async def test_an_answer_from_the_cache_is_on_the_disk_before_it_is_given(runtime, disk):
    await serve_chat(runtime, a_chat(), CALLER)
    hit = await serve_chat(runtime, a_chat(), CALLER)

    assert hit.headers["x-router-cache"] == "hit"
    assert on_disk(runtime, disk)[-1].id == hit.decision_id


async def test_a_disk_that_fails_refuses_before_anything_is_sent(runtime, disk):
    disk.is_broken = True
    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, a_chat(), CALLER)
    with pytest.raises(Refused):
        await serve_chat(runtime, a_chat("more"), CALLER)

    assert (caught.value.status, caught.value.code) == (503, "spool_full")
    assert runtime.transport.seen == []
    assert in_flight(runtime) == 0
    assert [type(one) for one in journal_of(runtime)] == [Begin, End]
    assert runtime.metrics.unrecorded == 1


async def test_a_caller_who_leaves_while_the_disk_works_leaves_a_closed_record(runtime, disk):
    asking = asyncio.create_task(serve_chat(runtime, a_chat(), CALLER))
    while not journal_of(runtime):
        await asyncio.sleep(0)
    assert in_flight(runtime) == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert [type(one) for one in journal_of(runtime)] == [Begin, End]
    assert journal_of(runtime)[-1].status == "cancelled"
    assert in_flight(runtime) == 0


async def test_what_is_served_without_room_leaves_no_half_record_and_is_counted(tmp_path):
    runtime = a_runtime(tmp_path, a_snapshot(settings={"when_spool_is_full": "serve"}))
    bounded = runtime.journal = Journal(tmp_path / "bounded", reserve_bytes=0, bound_bytes=2_000)
    while bounded.has_room:
        await serve_chat(runtime, a_chat(), CALLER)
    recorded = journal_of(runtime)
    served = await serve_chat(runtime, a_chat(), CALLER)

    assert served.status == 200
    assert journal_of(runtime) == recorded
    assert runtime.metrics.unrecorded == 1
    assert runtime.metrics.records_lost == 0
    assert runtime.report()["unrecorded"] == 1
    assert runtime.limits is not None


async def test_at_its_bound_the_spool_refuses_and_what_runs_is_still_recorded(tmp_path):
    runtime = a_runtime(tmp_path)
    runtime.journal = Journal(tmp_path / "bounded", reserve_bytes=0, bound_bytes=2_000)
    refused = 0
    for number in range(6):
        try:
            await serve_chat(runtime, a_chat(f"number {number}"), CALLER)
        except Refused as problem:
            refused += problem.code == "spool_full"

    assert 0 < refused < 6
    ids = [record.id for record in journal_of(runtime) if isinstance(record, End)]
    assert len(ids) == 6 - refused
    assert runtime.metrics.unrecorded == refused
