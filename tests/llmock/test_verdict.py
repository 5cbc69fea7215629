"""llmock breaks every way an upstream breaks, and judges us by what reached it: attempts, waits, what was accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.gateway.server import Running
from tests.llmock.server import LLMock
from tests.llmock.stage import BASES, PAIRS, Application, a_gateway

MODES = ("plain", "stream")
SDK_ERRORS = (openai.APIStatusError, anthropic.APIStatusError)
# Long enough that every fault strikes in its middle.
LONG = "One two three four five six seven eight nine ten, and then from ten back to one again, without a word left out at all."
EACH = pytest.mark.parametrize(("dialect", "upstream"), PAIRS, ids=[" at ".join(pair) for pair in PAIRS])
UPSTREAM = pytest.mark.parametrize("upstream", list(BASES))
EACH_MODE = pytest.mark.parametrize("mode", MODES)


@pytest.fixture
def gateway(tmp_path: Path, llmock: LLMock) -> Iterator[Running]:
    """A new one for each test: breakers and retry budgets remember."""
    with a_gateway(tmp_path, llmock) as running:
        yield running


def fail(status: int, **more: Any) -> dict[str, Any]:
    return {"type": "fail", "status": status, **more}


def broken(kind: str, after_chunks: int, **more: Any) -> dict[str, Any]:
    return {"type": "stream_fault", "kind": kind, "after_chunks": after_chunks, **more}


def long_answer(times: int) -> dict[str, Any]:
    return {"type": "reply", "text": LONG, "times": times}


def codes(llmock: LLMock) -> list[str]:
    return [finding["code"] for finding in llmock.verdict()["findings"]]


def assert_clean(llmock: LLMock) -> None:
    """Neither an error nor a warning, and everything queued has really happened."""
    assert llmock.pending() == []
    assert llmock.verdict()["findings"] == [], llmock.report()


@EACH
@EACH_MODE
def test_a_good_answer_arrives_whole(llmock: LLMock, gateway: Running, dialect: str, upstream: str, mode: str) -> None:
    llmock.queue(long_answer(1))

    text = Application(gateway, dialect).ask(f"policy/{upstream}", "Say hello.", is_streaming=mode == "stream")

    assert text == LONG
    assert [one["status"] for one in llmock.requests()] == [200]
    assert_clean(llmock)


@EACH
@EACH_MODE
@pytest.mark.parametrize("status", [500, 502])
def test_a_passing_failure_is_retried_with_a_wait(
    llmock: LLMock, gateway: Running, dialect: str, upstream: str, mode: str, status: int
) -> None:
    llmock.queue(fail(status))
    application = Application(gateway, dialect, max_retries=0)

    assert application.ask(f"policy/{upstream}", "Say hello.", is_streaming=mode == "stream")
    assert [one["status"] for one in llmock.requests()] == [status, 200]
    assert_clean(llmock)


@UPSTREAM
@EACH_MODE
def test_an_outage_that_goes_on_is_not_stormed(llmock: LLMock, gateway: Running, upstream: str, mode: str) -> None:
    llmock.queue(fail(500, times=4))

    assert Application(gateway, "openai").ask(f"policy/{upstream}", "Say hello.", is_streaming=mode == "stream")
    assert_clean(llmock)


@EACH
@EACH_MODE
def test_a_rate_limit_is_handed_on_with_its_wait(
    llmock: LLMock, gateway: Running, dialect: str, upstream: str, mode: str
) -> None:
    llmock.queue(fail(429, retry_after=1))

    assert Application(gateway, dialect).ask(f"policy/{upstream}", "Say hello.", is_streaming=mode == "stream")
    assert [one["status"] for one in llmock.requests()] == [429, 200]
    assert_clean(llmock)


@pytest.mark.parametrize("status", [503, 529])
@UPSTREAM
def test_so_is_the_wait_of_an_overloaded_upstream(llmock: LLMock, gateway: Running, upstream: str, status: int) -> None:
    llmock.queue(fail(status, retry_after=1))

    assert Application(gateway, "openai").ask(f"policy/{upstream}", "Say hello.", is_streaming=True)
    assert [one["status"] for one in llmock.requests()] == [status, 200]
    assert_clean(llmock)


@EACH
@EACH_MODE
def test_what_no_retry_can_mend_is_asked_once(
    llmock: LLMock, gateway: Running, dialect: str, upstream: str, mode: str
) -> None:
    """Also where the gateway answers 502, since the fault is its own: the SDK is told not to ask again."""
    for status in (400, 401, 403, 404, 422):
        llmock.reset()
        llmock.queue(fail(status))
        with pytest.raises(SDK_ERRORS):
            Application(gateway, dialect).ask(f"policy/{upstream}", "Say hello.", is_streaming=mode == "stream")
        assert [one["status"] for one in llmock.requests()] == [status]
        assert_clean(llmock)


@UPSTREAM
@EACH_MODE
def test_with_a_fallback_nobody_waits_and_the_limited_one_is_left_alone(
    llmock: LLMock, gateway: Running, upstream: str, mode: str
) -> None:
    llmock.queue(fail(429, retry_after=30, match={"provider": upstream}))
    impatient = Application(gateway, "openai", max_retries=0)

    for _ in range(3):
        assert impatient.ask(f"policy/{upstream}-first", "Say hello.", is_streaming=mode == "stream")
    providers = [one["provider"] for one in llmock.requests()]
    assert providers[0] == upstream
    assert len(providers) == 4
    assert upstream not in providers[1:]
    # llmock takes a request in another vendor's dialect for another call, and so the first one for given up; it was answered elsewhere.
    assert codes(llmock) == ["gave_up"]


@UPSTREAM
def test_a_caller_that_will_not_wait_is_let_through_only_where_nothing_else_is_left(
    llmock: LLMock, gateway: Running, upstream: str
) -> None:
    """llmock calls this an error of ours, and it is one we choose: if cooldown alone has emptied the set, the deployment that reopens
    soonest is asked (docs/policy-format.md), since another caller's request may well fit where this one did not. The caller was told to
    wait, in the answer before.
    """
    llmock.queue(fail(429, retry_after=30))
    impatient = Application(gateway, "openai", max_retries=0)

    with pytest.raises(openai.RateLimitError) as refused:
        impatient.ask(f"policy/{upstream}", "Say hello.", is_streaming=False)
    assert refused.value.response.headers["retry-after"] == "30"
    assert impatient.ask(f"policy/{upstream}", "Say hello.", is_streaming=False)
    assert codes(llmock) == ["retry_after_ignored"]


@EACH
@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed", "stall"])
def test_a_stream_that_breaks_in_the_middle_is_an_error_to_the_caller(
    llmock: LLMock, gateway: Running, dialect: str, upstream: str, kind: str
) -> None:
    """After the first words nothing may be asked in the caller's stead; it hears of it, asks again, and has the whole answer."""
    llmock.queue(broken(kind, 4, stall_seconds=5), long_answer(2))
    application = Application(gateway, dialect, max_retries=0)

    assert application.ask(f"policy/{upstream}", "Say hello.", is_streaming=True) == LONG
    assert len(application.errors) == 1
    assert len(llmock.requests()) == 2
    assert_clean(llmock)


@EACH
@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
def test_a_stream_that_breaks_before_its_first_word_is_asked_again_unnoticed(
    llmock: LLMock, gateway: Running, dialect: str, upstream: str, kind: str
) -> None:
    llmock.queue(broken(kind, 0), long_answer(2))
    application = Application(gateway, dialect, max_retries=0)

    assert application.ask(f"policy/{upstream}", "Say hello.", is_streaming=True) == LONG
    assert application.errors == []
    assert_clean(llmock)


@EACH
def test_a_slow_first_token_is_waited_for(llmock: LLMock, gateway: Running, dialect: str, upstream: str) -> None:
    llmock.queue({"type": "slow_first_token", "seconds": 0.4})
    application = Application(gateway, dialect, max_retries=0)

    assert application.ask(f"policy/{upstream}", "Say hello.", is_streaming=True)
    assert len(llmock.requests()) == 1
    assert_clean(llmock)


@UPSTREAM
@EACH_MODE
def test_an_upstream_that_is_silent_for_too_long_is_left_for_another(
    llmock: LLMock, gateway: Running, upstream: str, mode: str
) -> None:
    llmock.queue({"type": "delay", "seconds": 1.5, "match": {"provider": upstream}}, long_answer(2))
    application = Application(gateway, "openai", max_retries=0)

    assert application.ask(f"policy/{upstream}-hasty", "Say hello.", is_streaming=mode == "stream") == LONG
    assert llmock.requests()[0]["provider"] == upstream
    assert_clean(llmock)
