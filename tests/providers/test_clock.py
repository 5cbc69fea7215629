"""Virtual time: passes only in sleeps, stops at deadlines."""

import asyncio

import pytest

from routerapp.providers.clock import SystemClock, VirtualClock


async def test_a_sleep_takes_virtual_time_at_once() -> None:
    clock = VirtualClock(start_ms=5000)

    await clock.sleep(3600)

    assert clock.now_ms() == 5000 + 3_600_000


@pytest.mark.parametrize("clock", [VirtualClock(), SystemClock()])
async def test_a_deadline_cuts_a_sleep_short(clock: VirtualClock | SystemClock) -> None:
    started = clock.monotonic()

    with pytest.raises(TimeoutError):
        await clock.wait_for(clock.sleep(60), 0.02)

    assert 0.019 < clock.monotonic() - started < 1


async def test_a_deadline_that_is_kept_leaves_no_trace() -> None:
    clock = VirtualClock()

    await clock.wait_for(clock.sleep(1), 2)
    await clock.sleep(100)
    clock.move_to(1)

    assert clock.now_ms() == 1


async def test_a_caller_who_cancels_is_not_mistaken_for_a_deadline() -> None:
    clock = SystemClock()
    task = asyncio.create_task(clock.wait_for(clock.sleep(60), 30))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_at_the_very_deadline_stays_a_cancellation() -> None:
    async def both() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        await SystemClock().wait_for(asyncio.sleep(60), 0.01)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(both())


async def test_deadlines_that_share_a_timer_ring_each_at_its_own_moment() -> None:
    clock = SystemClock()
    started = clock.monotonic()

    async def late_after(seconds: float) -> float:
        with pytest.raises(TimeoutError):
            await clock.wait_for(clock.sleep(60), seconds)
        return clock.monotonic() - started

    kept = clock.wait_for(clock.sleep(0.01), 0.02)
    waits = await asyncio.gather(late_after(0.2), late_after(0.05), late_after(0.1), kept)

    assert [round(wait, 2) >= least for wait, least in zip(waits[:3], (0.2, 0.05, 0.1), strict=True)] == [True] * 3
    assert waits[1] < waits[2] < waits[0] < 2


def test_every_event_loop_has_its_own_timer() -> None:
    async def late() -> None:
        with pytest.raises(TimeoutError):
            await SystemClock().wait_for(asyncio.sleep(60), 0.01)

    asyncio.run(late())
    asyncio.run(late())
