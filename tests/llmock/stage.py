"""The gateway in front of llmock in three dialects, and applications that ask it through the official SDKs.

An application here is an honest one: its SDK retries what the answer's status and headers allow, and it asks again, a little later, where
a stream ends with an error. It never looks at anything but what the gateway told it, so whatever the gateway hides, it does not retry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anthropic
import openai

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from routerapp.store.keys import NewKey
from routerapp.store.snapshot import Snapshot
from tests.gateway.server import Running, running_gateway
from tests.llmock.server import LLMock
from tests.runtimes import a_deployment, a_policy, a_snapshot

BASES = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta"}
# A caller's dialect and the upstream's; (anthropic, anthropic) is passed through, the others are translated at least once.
PAIRS = (
    ("openai", "openai"),
    ("openai", "anthropic"),
    ("openai", "gemini"),
    ("anthropic", "anthropic"),
    ("anthropic", "openai"),
)
TIMEOUTS = {"connect_ms": 2_000, "first_token_ms": 3_000, "idle_ms": 800, "total_ms": 20_000}
# Where another one is left, silence is not waited for as long.
SILENCE_MS = 700
MOST_ASKS = 3


@dataclass
class Application:
    """errors: what it was told and asked again after. max_retries: of the SDK for each ask."""

    running: Running
    dialect: str
    max_retries: int = 2
    errors: list[str] = field(default_factory=list)

    def ask(self, model: str, prompt: str, *, is_streaming: bool) -> str:
        """The whole answer. Raises the SDK's error where it is not to be asked again, or was asked often enough."""
        with self._client() as client:
            tell = _ASK[self.dialect, is_streaming]
            for number in range(MOST_ASKS):
                try:
                    return tell(client, model, prompt)
                except (openai.APIError, anthropic.APIError) as error:
                    # An error with a status came before any of the answer: the SDK has done with it what is right.
                    if isinstance(error, openai.APIStatusError) or getattr(error, "status_code", 200) != 200:
                        raise
                    self.errors.append(str(error))
                    time.sleep(0.1 * 2**number)
        raise AssertionError(f"asked {MOST_ASKS} times: {self.errors}")

    def _client(self) -> Any:
        key = self.running.key.full
        if self.dialect == "anthropic":
            return anthropic.Anthropic(base_url=self.running.url, api_key=key, max_retries=self.max_retries)
        return openai.OpenAI(base_url=f"{self.running.url}/v1", api_key=key, max_retries=self.max_retries)


def _openai_plain(client: openai.OpenAI, model: str, prompt: str) -> str:
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])
    assert answer.choices[0].finish_reason == "stop"
    return answer.choices[0].message.content or ""


def _openai_stream(client: openai.OpenAI, model: str, prompt: str) -> str:
    text, finish = "", None
    for chunk in client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": prompt}], stream=True
    ):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    # A finish reason is what tells an application that it has the whole answer; it must never be invented.
    assert finish == "stop", "the stream ended without an error and without a finish reason"
    return text


def _anthropic_plain(client: anthropic.Anthropic, model: str, prompt: str) -> str:
    message = client.messages.create(model=model, max_tokens=500, messages=[{"role": "user", "content": prompt}])
    assert message.stop_reason == "end_turn"
    return "".join(block.text for block in message.content if block.type == "text")


def _anthropic_stream(client: anthropic.Anthropic, model: str, prompt: str) -> str:
    messages: list[Any] = [{"role": "user", "content": prompt}]
    with client.messages.stream(model=model, max_tokens=500, messages=messages) as stream:
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn", "the stream ended without an error and without a stop reason"
    return "".join(block.text for block in message.content if block.type == "text")


_ASK: Mapping[tuple[str, bool], Callable[[Any, str, str], str]] = {
    ("openai", False): _openai_plain,
    ("openai", True): _openai_stream,
    ("anthropic", False): _anthropic_plain,
    ("anthropic", True): _anthropic_stream,
}


@contextmanager
def a_gateway(folder: Path, llmock: LLMock) -> Iterator[Running]:
    """policy/<dialect>: only that upstream; policy/<dialect>-first: that one, then the others; -hasty: the same, soon."""

    def make_snapshot(keys: Mapping[str, NewKey]) -> Snapshot:
        ordered = {"strategy": {"kind": "ordered"}}
        quick = TIMEOUTS | {"first_token_ms": SILENCE_MS}
        alone = [a_policy(one, pool=[f"model:{one}"], timeouts=TIMEOUTS, **ordered) for one in BASES]
        first = [a_policy(f"{one}-first", pool=_models_from(one), timeouts=TIMEOUTS, **ordered) for one in BASES]
        hasty = [a_policy(f"{one}-hasty", pool=_models_from(one), timeouts=quick, **ordered) for one in BASES]
        return a_snapshot(
            keys=keys,
            deployments=[a_deployment(one, kind=one) for one in BASES],
            base_urls={one: llmock.url + path for one, path in BASES.items()},
            policies=[*alone, *first, *hasty],
        )

    def make_transport() -> HttpTransport:
        return HttpTransport(EgressGuard(("127.0.0.1",)), SystemClock())

    with running_gateway(folder, make_snapshot, make_transport) as running:
        yield running


def _models_from(first: str) -> list[str]:
    return [f"model:{one}" for one in (first, *(other for other in BASES if other != first))]
