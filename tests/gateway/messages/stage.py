"""A gateway with three upstreams: the simulated provider, one of the OpenAI dialect, one of the Messages dialect; and the official client."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.egress import EgressGuard
from routerapp.providers.simulated import SimulatedTransport
from routerapp.store.keys import NewKey
from routerapp.store.snapshot import Snapshot
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_deployment, a_policy, a_snapshot, journal_of
from tests.scripted_upstream import Scripted, scripted_upstream

HI = [{"role": "user", "content": "Say hello"}]
TOOLS = [
    {
        "name": "get_weather",
        "description": "Weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]
# Writing to the prompt cache costs a quarter more than reading a prompt.
OWN_PRICE = {
    "input_nusd_per_mtok": 10**9,
    "output_nusd_per_mtok": 2 * 10**9,
    "cache_write_nusd_per_mtok": 125 * 10**7,
}
PNG = base64.b64encode(b"\x89PNG").decode()


@dataclass
class Stage:
    running: Running
    openai: Scripted
    anthropic: Scripted
    client: anthropic.Anthropic

    def ask(self, model: str = "simulated", **members: Any) -> anthropic.types.Message:
        members = {"max_tokens": 200, "messages": HI} | members
        return self.client.messages.create(model=model, **members)

    def records(self, request_id: str) -> list[Any]:
        return [one for one in journal_of(self.running.runtime) if one.id == request_id]


@contextmanager
def a_stage(folder: Path) -> Iterator[Stage]:
    with scripted_upstream() as openai, scripted_upstream() as own:

        def make_snapshot(keys: Mapping[str, NewKey]) -> Snapshot:
            # One each for the tests that make them fail: a deployment that failed is not asked again for a while.
            shaky = ("shaky-1", "shaky-2", "shaky-3")
            ordered = {"strategy": {"kind": "ordered"}}
            cached = {"pool": ["model:own", "model:other"], "strategy": {"kind": "ordered"}}
            cached["cache"] = {"mode": "exact", "ttl_seconds": 60}
            slack = {"pool": ["model:other"], "strategy": {"kind": "ordered"}, "unsupported": "drop"}
            return a_snapshot(
                keys=keys,
                deployments=[
                    a_deployment("simulated"),
                    a_deployment("other", kind="openai", upstream_model="gpt-like"),
                    *(a_deployment(name, kind="openai") for name in shaky),
                    a_deployment("own", kind="anthropic", upstream_model="claude-like", prices=[OWN_PRICE]),
                ],
                base_urls={name: openai.url + "/v1" for name in ("other", *shaky)} | {"own": own.url},
                policies=[
                    a_policy("slack", **slack),
                    a_policy("cached", **cached),
                    *(a_policy(name, pool=[f"model:{name}", "model:own"], **ordered) for name in shaky),
                ],
                aliases={name: f"deployment:{name}" for name in ("simulated", "other", "own")}
                | {name: f"policy:{name}" for name in ("slack", "cached", *shaky)},
            )

        def make_transport() -> DispatchTransport:
            clock = SystemClock()
            outgoing = HttpTransport(EgressGuard(("127.0.0.1",)), clock)
            return DispatchTransport(outgoing, SimulatedTransport(clock, seed=1))

        with running_gateway(folder, make_snapshot, make_transport) as running:
            with anthropic.Anthropic(base_url=running.url, api_key=running.key.full, max_retries=0) as client:
                yield Stage(running, openai, own, client)
