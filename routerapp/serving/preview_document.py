"""What a document would decide if it were live: on prompts nobody sent, and on the newest recorded requests. Nothing is sent, nothing written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routerapp.engine.chat import Chat
from routerapp.engine.config import Config
from routerapp.engine.matching import UnknownObservation
from routerapp.engine.policy import Policy
from routerapp.engine.situation import Situation
from routerapp.engine.types import Decision, Evidence, Inputs, Live
from routerapp.models import Origin, RoutedRequest
from routerapp.serving.policy_checks import parsed
from routerapp.serving.route_chat import read_chat
from routerapp.serving.runtime import Runtime
from routerapp.serving.simulate import ANYBODY
from routerapp.store.requests import load_inputs

# The same draw for all, so that two documents differ by themselves and not by chance.
SEED = 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded request and what the document would have decided on the same inputs."""

    row: RoutedRequest
    decision: Decision


def preview_prompts(
    runtime: Runtime, document: Mapping[str, Any], config: Config, chats: Sequence[Chat]
) -> list[Decision]:
    """config: the catalogue as it is now; the worker's own may be two seconds older."""
    snapshot, now_ms, policy = runtime.snapshot, runtime.clock.now_ms(), parsed(document)
    live = runtime.live.view(now_ms)
    decisions = []
    for chat in chats:
        inputs = read_chat(runtime, snapshot, chat, ANYBODY, policy)
        decisions.append(_decide(policy, config, snapshot.evidence, inputs, live, now_ms))
    return decisions


def preview_recorded(
    runtime: Runtime, document: Mapping[str, Any], config: Config, rows: Sequence[RoutedRequest]
) -> list[Recorded]:
    """Those of the rows that can be told: their inputs are still kept, and the document reads no content that was not."""
    now_ms, policy = runtime.clock.now_ms(), parsed(document)
    live = runtime.live.view(now_ms)
    found = []
    for row in rows:
        recorded = load_inputs(row.id)
        if recorded is None:
            continue
        try:
            decision = _decide(policy, config, runtime.snapshot.evidence, recorded.inputs, live, now_ms)
        except UnknownObservation:
            continue
        found.append(Recorded(row, decision))
    return found


def newest_requests(count: int) -> list[RoutedRequest]:
    """Of people's traffic and the sample's, answered or not, as long as a policy decided."""
    rows = RoutedRequest.objects.filter(origin__in=(Origin.LIVE, Origin.SAMPLE)).exclude(policy="")
    return list(rows.order_by("-at_ms")[:count])


def _decide(policy: Policy, config: Config, evidence: Evidence, inputs: Inputs, live: Live, now_ms: int) -> Decision:
    return Situation(policy, config, evidence, inputs, live, SEED, now_ms).decide()
