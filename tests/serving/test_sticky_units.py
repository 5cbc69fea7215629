"""Sticky rules over several requests: who answered is found again, a move says what it lost."""

from __future__ import annotations

from msgspec.structs import replace

from routerapp.engine.verdicts import Verdict
from routerapp.serving.serve_chat import serve_chat
from tests.runtimes import CALLER, QUICK, a_chat, a_deployment, a_policy, a_runtime, a_snapshot, journal_of

POOL = [a_deployment(name) for name in ("one", "two", "three")]
STICKY = {"sticky": {"by": "unit", "first": "strategy", "ttl_seconds": 60}, "strategy": {"kind": "weighted"}}


def a_turn(number, session="s1"):
    return a_chat(f"turn {number}", metadata={"session_id": session})


def a_sticky_runtime(tmp_path, **snapshot):
    use = snapshot.pop("use", STICKY)
    return a_runtime(tmp_path, a_snapshot(deployments=POOL, policies=[a_policy(**use)], **snapshot))


async def served_by(runtime, chat, caller=CALLER):
    served = await serve_chat(runtime, chat, caller)
    if served.stream is not None:
        async for _ in served.stream:
            pass
    return served.headers["x-router-model"]


async def test_a_conversation_stays_with_who_answered_it(tmp_path):
    runtime = a_sticky_runtime(tmp_path)
    for session in ("s1", "s2", "s3", "s4"):
        models = {await served_by(runtime, a_turn(number, session)) for number in range(5)}

        assert len(models) == 1


async def test_the_fallback_that_really_answered_is_who_is_kept(tmp_path):
    broken = QUICK | {"script": [{"on": "turn 0", "do": "404"}]}
    use = STICKY | {"strategy": {"kind": "ordered"}, "pool": ["deployment:one", "deployment:two"]}
    runtime = a_sticky_runtime(tmp_path, use=use, simulations={"one": broken})

    assert [await served_by(runtime, a_turn(number)) for number in range(3)] == ["two", "two", "two"]


async def test_a_streamed_answer_counts_as_well(tmp_path):
    runtime = a_sticky_runtime(tmp_path)
    first = await served_by(runtime, a_chat("a", stream=True, metadata={"session_id": "x"}))

    assert [await served_by(runtime, a_chat("b", metadata={"session_id": "x"})) for _ in range(4)] == [first] * 4


async def test_a_move_records_the_prompt_tokens_it_left_behind(tmp_path):
    use = STICKY | {"strategy": {"kind": "ordered"}, "pool": ["deployment:one", "deployment:two"]}
    runtime = a_sticky_runtime(tmp_path, use=use)
    await served_by(runtime, a_turn(0))
    input_tokens = journal_of(runtime)[-1].input_tokens
    runtime.live.hold({"one": runtime.clock.now_ms() + 600_000}, runtime.clock.now_ms())
    moved_to = await served_by(runtime, a_turn(1))

    end = journal_of(runtime)[-1]
    assert (moved_to, end.lost_cache_tokens) == ("two", input_tokens)
    begin = journal_of(runtime)[-3]
    assert Verdict.STICKY_MOVED in [step.verdict for step in begin.decision.trace]
    assert begin.live.last_served.deployment == "one"


async def test_rules_that_are_not_sticky_remember_nobody(tmp_path):
    runtime = a_sticky_runtime(tmp_path, use={"strategy": {"kind": "cheapest"}})
    await served_by(runtime, a_turn(0))

    assert journal_of(runtime)[-1].lost_cache_tokens is None
    inputs = journal_of(runtime)[0].inputs
    assert runtime.live.last_served(inputs.facts.unit, runtime.clock.now_ms()) is None


async def test_a_tenant_keeps_its_place_over_conversations(tmp_path):
    use = STICKY | {"sticky": {"by": "tenant", "first": "strategy"}}
    runtime = a_sticky_runtime(tmp_path, use=use)
    models = {await served_by(runtime, a_turn(0, f"s{number}")) for number in range(6)}
    other = CALLER.__class__(slug="other", team="team-b", scopes=CALLER.scopes)
    others = {await served_by(runtime, a_turn(0, f"s{number}"), other) for number in range(6)}

    assert (len(models), len(others)) == (1, 1)


async def test_the_recorded_slice_decides_the_same_again(tmp_path):
    from routerapp.engine.decide import decide

    runtime = a_sticky_runtime(tmp_path)
    for number in range(3):
        await served_by(runtime, a_turn(number))
    begin = journal_of(runtime)[-3]
    config = runtime.snapshot.config
    policy = config.policies["support"].versions[1]
    again, _ = decide(
        policy, config, runtime.snapshot.evidence, begin.inputs, begin.live, begin.decision.seed, begin.at_ms
    )

    assert replace(again) == begin.decision
