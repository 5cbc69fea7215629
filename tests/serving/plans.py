"""Decisions to execute in tests: a small catalogue, a plan over it, and a record of every attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from routerapp.engine.allowances import Subject
from routerapp.engine.chat import Chat
from routerapp.engine.config import Config, parse_config
from routerapp.engine.types import Decision, Evidence, Features, InFlight, Inputs, PlanLimits, PlanStep, RequestFacts
from routerapp.providers.base import Adapter, Target, Transport, Upstream, UpstreamRequest
from routerapp.providers.clock import Clock, VirtualClock
from routerapp.providers.registry import ADAPTERS
from routerapp.serving.attempts import Attempts, PlanRun
from routerapp.serving.backoff import Backoff
from routerapp.serving.hold import Hold
from routerapp.serving.plan_job import PlanJob
from routerapp.serving.retry_budget import RetryBudget
from routerapp.store.limits import CallerLimits, Grant
from routerapp.store.live import LiveState
from routerapp.store.records import AttemptEnd
from tests.providers.chats import make_chat

LIMITS = PlanLimits(connect_ms=300, first_token_ms=150, idle_ms=150, total_ms=2_000, retries=0)


def make_config(deployments: Mapping[str, Mapping[str, Any]]) -> Config:
    """Each deployment serves a model of its own; entries override deployment fields, `window` and `model_fields` the model's."""
    models, places = {}, {}
    for slug, given in deployments.items():
        entry = dict(given)
        window = entry.pop("window", 100_000)
        models[f"{slug}-model"] = {"name": slug, "context_window": window, "has_tools": True}
        price = {"input_nusd_per_mtok": 1_000_000_000, "output_nusd_per_mtok": 2_000_000_000}
        defaults = {"model": f"{slug}-model", "provider": f"{slug}-vendor", "kind": "openai", "upstream_model": "real"}
        places[slug] = {**defaults, "prices": [price], **entry}
    return parse_config({"schema": 1, "default_policy": None, "models": models, "deployments": places})


@dataclass
class Bench:
    """Attempts over one transport, with live state and records to look at."""

    transport: Transport
    clock: Clock = field(default_factory=VirtualClock)
    live: LiveState = field(default_factory=LiveState)
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    chance: float = 0.5
    limits: PlanLimits = LIMITS
    caller_limits: CallerLimits = field(default_factory=CallerLimits)
    records: list[AttemptEnd] = field(default_factory=list)
    adapters: Mapping[str, Adapter] = field(default_factory=lambda: ADAPTERS)

    def run(
        self,
        targets: Mapping[str, Target],
        *,
        limits: PlanLimits | None = None,
        config: Config | None = None,
        constraints: Mapping[str, Any] | None = None,
        subjects: tuple[Subject, ...] = (),
        hedge_after_ms: int | None = None,
        accept_if: tuple[Mapping[str, Any], ...] = (),
        more_targets: Mapping[str, Target] | None = None,
        **chat: Any,
    ) -> PlanRun:
        """The first target is the primary, the others its fallbacks, in order; the second its hedge, where there is a time for it.

        accept_if: they are a cascade, of which all but the last are checked. more_targets: of deployments outside the plan.
        """
        slugs, limits = list(targets), limits or self.limits
        if hedge_after_ms is not None:
            limits = msgspec.structs.replace(limits, hedge_after_ms=hedge_after_ms)
        features = Features(prompt_tokens=20)
        common = ("routed", "support", 1, "r1", "rule", "ordered", "c", "e", 7, "1", features)
        plan = _plan(slugs, hedge_after_ms is not None, accept_if)
        decision = Decision(*common, plan=plan, limits=limits, constraints=constraints or {})
        effects = (InFlight(slugs[0]),)
        self.live.apply(effects)
        chat, config = make_chat(**chat), config or make_config({slug: {} for slug in slugs})
        inputs = Inputs(features, RequestFacts(stream=chat.is_streaming))
        attempts = Attempts(
            self.transport,
            self.adapters,
            self.live,
            self.clock,
            lambda: self.chance,
            self.retry_budget,
            Backoff(base_ms=10, cap_ms=40),
        )
        return attempts.run(
            PlanJob(
                request_id="request-1",
                chat=chat,
                decision=decision,
                inputs=inputs,
                config=config,
                target=lambda slug: (more_targets or {}).get(slug) or targets[slug],
                on_attempt=self.records.append,
                effects=effects,
                hold=self.hold(subjects, chat, decision, inputs, config),
            )
        )

    def hold(
        self, subjects: tuple[Subject, ...], chat: Chat, decision: Decision, inputs: Inputs, config: Config
    ) -> Hold | None:
        if not subjects:
            return None
        now_ms = self.clock.now_ms()
        grant = self.caller_limits.admit(subjects, now_ms)
        assert isinstance(grant, Grant)
        hold = Hold(self.caller_limits, grant, self.clock, chat, decision, inputs, config, Evidence())
        assert hold.take(now_ms) is None
        return hold

    def in_flight(self) -> int:
        live = self.live.view(self.clock.now_ms())
        return sum(one.in_flight for one in live.deployments.values())

    @property
    def story(self) -> list[tuple[str, str]]:
        """Who was asked and how it went."""
        return [(record.deployment, record.error_class or record.status) for record in self.records]


def _plan(slugs: list[str], is_hedged: bool, accept_if: tuple[Mapping[str, Any], ...]) -> tuple[PlanStep, ...]:
    later = "escalation" if accept_if else "fallback"
    steps = [PlanStep(slug, later if place else "primary") for place, slug in enumerate(slugs)]
    if is_hedged:
        steps[1] = PlanStep(slugs[1], "hedge")
    if accept_if:
        steps[:-1] = [msgspec.structs.replace(step, accept_if=accept_if) for step in steps[:-1]]
    return tuple(steps)


async def collect(run: PlanRun) -> bytes:
    """A whole streamed answer, as bytes."""
    await run.open_stream()
    return b"".join([event async for event in run.events()])


class ScriptedUpstream:
    """status and body, or an exception on reading."""

    connect_ms = 1

    def __init__(self, status: int, packets: list[bytes | Exception], headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.is_aborted = self.is_closed = False
        self._packets = packets

    async def read(self, limit: int) -> bytes:
        return b"".join([packet async for packet in self.chunks()])

    def whole(self) -> None:
        return None

    async def chunks(self) -> AsyncIterator[bytes]:
        for packet in self._packets:
            if isinstance(packet, Exception):
                raise packet
            yield packet

    async def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True


class ScriptedTransport:
    """Gives each deployment's prepared answers in turn; the last one again and again. asked: who was, in order."""

    def __init__(self, **answers: list[Upstream | Exception]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def open(self, request: UpstreamRequest, connect_ms: int) -> Upstream:
        deployment = request.target.deployment
        self.asked.append(deployment)
        answers = self._answers[deployment]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        return None
