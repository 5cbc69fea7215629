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


async def test_flows_share_virtual_time_and_the_earliest_wakes_first() -> None:
    clock = VirtualClock(start_ms=0)
    seen: list[tuple[str, int]] = []

    async def flow(name: str, *pauses: float) -> None:
        for pause in pauses:
            await clock.sleep(pause)
            seen.append((name, clock.now_ms()))

    slow, quick = clock.spawn(flow("slow", 5, 5)), clock.spawn(flow("quick", 2, 4))
    await clock.first_of([slow, quick], 1)
    seen.append(("caller", clock.now_ms()))
    await clock.first_of([slow, quick])
    seen.append(("caller", clock.now_ms()))
    await clock.first_of([slow])

    expected = [("caller", 1), ("quick", 2), ("slow", 5), ("quick", 6), ("caller", 6), ("slow", 10)]
    assert seen == [(name, 1000 * at) for name, at in expected]


async def test_each_virtual_flow_has_its_own_deadline() -> None:
    clock = VirtualClock(start_ms=0)

    async def late() -> int:
        with pytest.raises(TimeoutError):
            await clock.wait_for(clock.sleep(60), 3)
        return clock.now_ms()

    async def patient() -> int:
        await clock.wait_for(clock.sleep(5), 50)
        return clock.now_ms()

    flows = [clock.spawn(late()), clock.spawn(patient())]
    await clock.first_of(flows)
    await clock.first_of([flows[1]])

    assert [flow.result() for flow in flows] == [3000, 5000]


@pytest.mark.parametrize("clock", [VirtualClock(), SystemClock()])
async def test_a_cancelled_flow_does_not_hold_time_up(clock: VirtualClock | SystemClock) -> None:
    flow = clock.spawn(clock.sleep(60))
    await clock.first_of([flow], 0.01)
    flow.cancel()
    await asyncio.gather(flow, return_exceptions=True)
    started = clock.monotonic()

    await clock.sleep(0.02)

    assert 0.015 < clock.monotonic() - started < 1
