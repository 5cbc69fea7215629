"""What one routed request holds of its subjects' money and tokens: enough for the dearest step of its plan, more before an attempt needs more.

Every attempt's cost is spent out of the hold as it ends, so that what is left always covers the attempts that still run. The hold is of
the worst case: with the cap on the answer sent upstream, an attempt never costs more than was held for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from routerapp.engine.caps import caps_in, limit_in, removes_limit
from routerapp.engine.chat import Chat
from routerapp.engine.config import Config
from routerapp.engine.constraints import Reason
from routerapp.engine.estimates import forecast_with, need_of
from routerapp.engine.money import price_at
from routerapp.engine.types import Decision, Evidence, Inputs
from routerapp.engine.verdicts import Verdict
from routerapp.engine.worst_case import MOST_TOKENS_PER_IMAGE, WorstCase, worst_case
from routerapp.providers.clock import Clock
from routerapp.store.limits import CallerLimits, Grant, Shortage

CAPPED = "capped:max_tokens"
_MESSAGE_BYTES = 64
_FILES = frozenset({"file", "input_file", "video_url"})
# Members of the Messages dialect with which Anthropic reads what is not in the body.
_ELSEWHERE = ("messages[", "tools[", "mcp_servers", "container")


class Charge(msgspec.Struct, frozen=True, gc=False):
    """The most one attempt may add. nusd None: unpriced."""

    nusd: int | None
    tokens: int


class Hold:
    """One request's, from its decision to its end. grant: what admitted it."""

    def __init__(
        self,
        limits: CallerLimits,
        grant: Grant,
        clock: Clock,
        chat: Chat,
        decision: Decision,
        inputs: Inputs,
        config: Config,
        evidence: Evidence,
    ) -> None:
        self._limits = limits
        self._grant = grant
        self._decision = decision
        self._inputs = inputs
        self._config = config
        self._evidence = evidence
        self._clock = clock
        self._sent = _Sent(chat, inputs, decision.parameters)
        self._worst: dict[str, WorstCase] = {}
        self._running: Counter[str] = Counter()
        self._outer: Hold | None = None
        self.caps: Mapping[str, int] = caps_in(decision.trace)

    def beside(self, chat: Chat, decision: Decision, inputs: Inputs) -> Hold:
        """For another question within the same request: held of the same subjects, next to what still runs of this one."""
        own = Hold(self._limits, self._grant, self._clock, chat, decision, inputs, self._config, self._evidence)
        own._outer = self
        own.caps = self.caps if chat.max_tokens is None else {}
        return own

    def take(self, now_ms: int) -> Shortage | None:
        """Before the plan is executed: its dearest step, and both where a hedge runs beside the primary; at least the primary alone.

        None when it is held. What a later attempt needs beyond that is asked for when its turn comes.
        """
        if self._hold(self.most(now_ms), now_ms) is None:
            return None
        return self._hold(self._charge(self._decision.plan[0].deployment, now_ms), now_ms)

    def most(self, now_ms: int) -> Charge:
        """What take() holds if it can."""
        nusd = tokens = nusd_beside = tokens_beside = 0
        for step in self._decision.plan:
            charge = self._charge(step.deployment, now_ms)
            cost = charge.nusd or 0
            nusd, tokens = max(nusd, cost), max(tokens, charge.tokens)
            if step.role != "fallback":
                nusd_beside += cost
                tokens_beside += charge.tokens
        return Charge(max(nusd, nusd_beside), max(tokens, tokens_beside))

    def why_not(self, deployment: str, *, is_starting: bool) -> Reason | None:
        """Whether what is held covers one more attempt there; is_starting: it is about to be made, so hold what is missing."""
        now_ms = self._clock.now_ms()
        charge = self._charge(deployment, now_ms)
        if charge.nusd is None and self._counts_money and not self._lets_unpriced_through:
            return Verdict.UNPRICED, {}
        needed = _sum([charge, *self._still_running(now_ms)])
        ask = self._limits.hold if is_starting else self._limits.shortage
        shortage = ask(self._grant, needed.nusd or 0, needed.tokens, now_ms)
        if shortage is None:
            return None
        if shortage.limit.endswith("_nusd"):
            left = max(0, shortage.allowed - shortage.used) + self._grant.nusd
            return Verdict.OVER_BUDGET, {"cost_nusd": needed.nusd or 0, "left_nusd": left}
        return Verdict.RATE_LIMITED, {"needs_tokens": needed.tokens, "limit": shortage.limit}

    def started(self, deployment: str) -> None:
        self._running[deployment] += 1

    def ended(self, deployment: str) -> None:
        self._running[deployment] -= 1

    def most_output_tokens(self, deployment: str) -> int:
        """What its answer cannot be longer than, whoever counts."""
        return self._worst_case(deployment).output_tokens

    def warnings(self, deployment: str) -> tuple[str, ...]:
        return (CAPPED, *self._limits.notes) if deployment in self.caps else self._limits.notes

    def parameters(self, deployment: str) -> Mapping[str, Any]:
        """What is sent upstream instead of the caller's own: the policy's overrides, and the cap where one is needed."""
        cap = self.caps.get(deployment)
        return self._decision.parameters if cap is None else {**self._decision.parameters, "max_tokens": cap}

    @property
    def _counts_money(self) -> bool:
        return any(
            one.daily_spend_nusd is not None or one.monthly_spend_nusd is not None for _, _, one in self._grant.subjects
        )

    @property
    def _lets_unpriced_through(self) -> bool:
        budgets = self._config.budgets
        return budgets is not None and budgets.unpriced == "allow"

    def _still_running(self, now_ms: int) -> list[Charge]:
        own = [self._charge(slug, now_ms) for slug in self._running.elements()]
        return own if self._outer is None else [*self._outer._still_running(now_ms), *own]

    def _hold(self, charge: Charge, now_ms: int) -> Shortage | None:
        return self._limits.hold(self._grant, charge.nusd or 0, charge.tokens, now_ms)

    def _charge(self, deployment: str, now_ms: int) -> Charge:
        """Money by what can be billed; tokens by the usual estimate of the prompt, as bytes would count every prompt fourfold."""
        worst = self._worst_case(deployment)
        price = price_at(self._config.deployments[deployment].prices, now_ms)
        tokens = self._inputs.features.prompt_tokens
        if worst.input_tokens < tokens:
            tokens = worst.input_tokens
        tokens += worst.output_tokens
        return Charge(None if price is None else worst.cost(price), tokens)

    def _worst_case(self, deployment: str) -> WorstCase:
        found = self._worst.get(deployment)
        if found is None:
            found = self._worst[deployment] = self._sent.worst_case(deployment, self._config, self._evidence)
        return found


class _Sent:
    """What of the chat bounds its cost: bytes, images, answers asked for, limits on each."""

    def __init__(self, chat: Chat, inputs: Inputs, parameters: Mapping[str, Any]) -> None:
        need = need_of(inputs)
        self._own_limit = need.max_tokens or 0
        self._need = msgspec.structs.replace(need, max_tokens=None) if removes_limit(parameters) else need
        self._limit = limit_in(parameters)
        self._answers = _answers_of(chat, parameters)
        self._images = _images_in(chat.messages) if inputs.features.has_images else 0
        self._bytes = _text_bytes(chat) if self._images else chat.body_bytes
        self._bytes += len(msgspec.json.encode(parameters)) if parameters else 0
        self._reads_more = _reads_more_than_is_sent(chat)
        self._is_plain = not (self._reads_more or self._limit or self._own_limit) and self._answers == 1

    def worst_case(self, deployment: str, config: Config, evidence: Evidence) -> WorstCase:
        model = config.models[config.deployments[deployment].model]
        # What it is worth is nothing to its cost.
        forecast = forecast_with(model, self._need, evidence, None)
        more_images = max(0, self._images - 1) * MOST_TOKENS_PER_IMAGE
        worst = worst_case(model, self._need, forecast, self._bytes + more_images)
        if self._is_plain and (self._limit is None or worst.cap is None):
            return worst
        read = max(worst.input_tokens, model.context_window) if self._reads_more else worst.input_tokens
        each = worst.output_tokens
        if self._need.endpoint == "chat":
            # A limit of the caller's may go upstream beside the policy's or ours, under the other of its two names.
            each = max(each if self._limit is None or worst.cap is None else self._limit, self._own_limit)
            each = max(each, self._limit or 0)
        return WorstCase(read, each * self._answers, worst.cap)


def _answers_of(chat: Chat, parameters: Mapping[str, Any]) -> int:
    own = parameters.get("n")
    return max(chat.answers_wanted, own) if type(own) is int else chat.answers_wanted


def _reads_more_than_is_sent(chat: Chat) -> bool:
    """Files are packed or kept elsewhere, and a vendor's own tools fetch what they like: only the window bounds what is read."""
    if chat.untranslated and any(one.field.startswith(_ELSEWHERE) for one in chat.untranslated):
        return True
    for message in chat.messages:
        content = message.get("content")
        if type(content) is list and any(part.get("type") in _FILES for part in content):
            return True
    return False


def _text_bytes(chat: Chat) -> int:
    """Of all but what is in images: an image may be a megabyte of base64 and a thousand tokens."""
    fields = sum(len(raw) for name, raw in chat.fields.items() if name != "messages")
    return fields + sum(_MESSAGE_BYTES + _size(message) for message in chat.messages)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Mapping):
        return 0 if _is_image(value) else sum(len(name) + _size(inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return sum(_size(inner) for inner in value)
    return 8


def _images_in(messages: Sequence[Mapping[str, Any]]) -> int:
    parts = (part for message in messages for part in _parts(message.get("content")))
    return max(1, sum(_is_image(part) for part in parts))


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else []


def _is_image(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") in ("image_url", "image", "input_image")


def _sum(charges: Sequence[Charge]) -> Charge:
    return Charge(sum(one.nusd or 0 for one in charges), sum(one.tokens for one in charges))
