"""The exact cache as requests meet it: what a key is made of, what may be stored, and the stored answer as an outcome.

A stored answer is given only to the same tenant for the same bytes under the same configuration, rule and plan; never another model's.
"""

from __future__ import annotations

import hashlib

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.providers.base import CALLERS_HEADERS
from routerapp.serving.hold import CAPPED
from routerapp.serving.plan_job import Outcome
from routerapp.serving.route_chat import Prepared
from routerapp.serving.stored_answer import StoredAnswer

LARGEST_ANSWER_BYTES = 256 * 1024
WHOLE = frozenset({"stop", "tool_calls", "length"})


def is_cacheable(prepared: Prepared, chat: Chat) -> bool:
    """Drafts have no version that a key could name; an explained answer holds the decision of its own request."""
    decision = prepared.decision
    is_wanted = decision.handling.cache_ttl_seconds is not None and not chat.extras.explain
    return is_wanted and decision.policy_version > 0 and bool(decision.plan)


def cache_key(prepared: Prepared, chat: Chat, caller: CallerFacts) -> bytes:
    """Each part with its length, so that no two lists of parts look alike.

    chat.fields and a few headers are all that reaches an upstream; `user` does not, and still nobody gets what another user was told.
    """
    decision = prepared.decision
    experiment = decision.experiment
    parts: list[str | bytes] = [
        *(("team", caller.team) if caller.team else ("key", caller.slug)),
        chat.extras.user or "",
        decision.config,
        f"{decision.policy}@{decision.policy_version}",
        decision.rule,
        *((experiment.name, experiment.arm) if experiment else ("", "")),
        chat.dialect,
        chat.endpoint,
        "stream" if chat.is_streaming else "plain",
        str(len(decision.plan)),
        *(step.deployment for step in decision.plan),
        *(chat.headers.get(name, "") for name in CALLERS_HEADERS),
    ]
    for name in sorted(chat.fields):
        parts += (name, chat.fields[name])
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.digest()


def storable(prepared: Prepared, chat: Chat, outcome: Outcome, data: bytes) -> StoredAnswer | None:
    """None for what is no whole answer of the very model that the plan names first."""
    is_whole = outcome.finish_reason in WHOLE or chat.endpoint != "chat"
    config, plan = prepared.snapshot.config, prepared.decision.plan
    is_first_choice = outcome.language_model == config.deployments[plan[0].deployment].model
    is_cut_by_us = CAPPED in outcome.warnings and outcome.finish_reason == "length"
    if not (outcome.is_complete and is_whole and is_first_choice) or is_cut_by_us:
        return None
    return StoredAnswer(
        data,
        msgspec.structs.replace(
            outcome, attempts=(), skipped=(), ttft_ms=None, upstream_seconds=0.0, stored=outcome.answered
        ),
    )
