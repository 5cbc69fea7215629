"""What running one decision's plan takes in and gives out: values only, no behaviour beyond sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.config import Config
from routerapp.engine.types import Decision, Effect, Evidence, Inputs
from routerapp.engine.verdicts import Verdict
from routerapp.providers.base import Target
from routerapp.providers.errors import ProviderError
from routerapp.serving.hold import Hold
from routerapp.serving.traces.context import TraceContext
from routerapp.store.records import AttemptEnd

# The role of a call that a cascade's check makes: paid and recorded like any other, and never the answer.
CHECK = "check"


class PlanJob(msgspec.Struct, frozen=True):
    """One routed decision to execute.

    effects: already applied to the live state; they count the primary's first attempt. target: deployment -> Target, raising when it
    cannot be had (KeyError, or ValueError for a credential that cannot be read). hold: what key, team and user have given for it; None
    where nobody is limited. trace: set where upstreams are told of the caller's trace. numbers_after: attempts are numbered from the
    next on; a plan beside another one of the same request has numbers of its own.
    """

    request_id: str
    chat: Chat
    decision: Decision
    inputs: Inputs
    config: Config
    target: Callable[[str], Target]
    on_attempt: Callable[[AttemptEnd], None]
    evidence: Evidence = Evidence()
    effects: Sequence[Effect] = ()
    is_live: bool = True
    hold: Hold | None = None
    trace: TraceContext | None = None
    numbers_after: int = 0

    def parameters_of(self, deployment: str) -> Mapping[str, Any]:
        """What is sent there instead of the caller's own top-level fields, in OpenAI's names."""
        return self.decision.parameters if self.hold is None else self.hold.parameters(deployment)

    def warnings_of(self, deployment: str) -> tuple[str, ...]:
        return () if self.hold is None else self.hold.warnings(deployment)


@dataclass(frozen=True, slots=True)
class SkippedStep:
    """A step of the plan that was not started, and why not at that moment."""

    deployment: str
    verdict: Verdict
    detail: Mapping[str, Any] = field(default_factory=dict)


class Outcome(msgspec.Struct, frozen=True):
    """How a plan stands: final once its answer was returned or its stream ended. Tokens and cost are integer sums over the attempts.

    status: ok, upstream_error, timeout, cancelled, invalid or no_candidate. deployment: the one that served, else the last one tried.
    cost_nusd None: an attempt that used tokens is unpriced. is_complete: a stream may be closed with [DONE].
    usage_event: the upstream's own usage event, held back; only when the caller asked for it. last_event: its own last one.
    dialect: the shape of the answer. warnings: of the attempt that served, such as dropped:logit_bias. stored: the attempt that once
    made the answer which the exact cache gives now; then there are none of its own, and nothing was used or paid.
    """

    status: str
    error: ProviderError | None
    attempts: tuple[AttemptEnd, ...]
    skipped: tuple[SkippedStep, ...]
    deployment: str
    language_model: str
    provider: str
    served_model: str
    finish_reason: str
    ttft_ms: int | None
    upstream_seconds: float
    retry_after_ms: int | None = None
    usage_event: bytes | None = None
    last_event: bytes | None = None
    dialect: str = "openai"
    warnings: tuple[str, ...] = ()
    stored: AttemptEnd | None = None

    @property
    def answered(self) -> AttemptEnd:
        """The attempt whose whole answer the caller got; the last one where there is none. A hedge that lost may stand behind it."""
        if self.stored is not None:
            return self.stored
        ok = [one for one in self.attempts if one.status == "ok" and one.role != CHECK]
        return next((one for one in reversed(ok) if one.deployment == self.deployment), (ok or self.attempts)[-1])

    @property
    def is_complete(self) -> bool:
        return self.status == "ok"

    @property
    def error_class(self) -> str:
        return self.error.error_class if self.error else ""

    @property
    def is_usage_estimated(self) -> bool:
        return any(attempt.is_usage_estimated for attempt in self.attempts)

    @property
    def input_tokens(self) -> int | None:
        return 0 if self.stored else _sum(attempt.input_tokens for attempt in self.attempts)

    @property
    def output_tokens(self) -> int | None:
        return 0 if self.stored else _sum(attempt.output_tokens for attempt in self.attempts)

    @property
    def cached_tokens(self) -> int | None:
        return _sum(attempt.cached_tokens for attempt in self.attempts)

    @property
    def cost_nusd(self) -> int | None:
        if any(attempt.cost_nusd is None for attempt in self.attempts):
            return None
        return sum(attempt.cost_nusd or 0 for attempt in self.attempts)

    @property
    def saved_nusd(self) -> int | None:
        """What the stored answer did cost; None where that is unknown, or nothing was stored."""
        return self.stored.cost_nusd if self.stored else None


class AllFailed(Exception):
    """Nothing in the plan answered, and nothing was sent to the caller. error None: every step was skipped before it was started."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error.message if outcome.error else "No step of the plan could be started.")
        self.outcome = outcome

    @property
    def error(self) -> ProviderError | None:
        return self.outcome.error

    @property
    def client_status(self) -> int:
        return self.outcome.error.client_status if self.outcome.error else 503

    @property
    def caller_message(self) -> str:
        return self.outcome.error.caller_message if self.outcome.error else "No deployment can take this request now."

    @property
    def retry_after_ms(self) -> int | None:
        return self.outcome.retry_after_ms


def _sum(numbers: Any) -> int | None:
    """None when nobody knows."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
