"""What is asked, of whom, and the most it can cost: the candidates' question, the judge's, and money as integers. Nothing is sent here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from routerapp.engine.chat import Chat, RouterExtras
from routerapp.engine.estimates import DEFAULT_OUTPUT_TOKENS, Forecast, Need, forecast_for
from routerapp.engine.features import BYTES_PER_TOKEN, estimate_tokens
from routerapp.engine.money import NUSD_PER_USD, attempt_cost, price_at
from routerapp.engine.types import DeploymentFacts, LanguageModelFacts, Price
from routerapp.engine.worst_case import worst_case
from routerapp.serving.calibration.offered import OfferedPrompt
from routerapp.serving.second_opinions import ANSWER_CHARACTERS, GRADE_TOKENS, grading
from routerapp.store.snapshot import Snapshot

CENT_NUSD = NUSD_PER_USD // 100


@dataclass(frozen=True, slots=True)
class Cost:
    """Nano-dollars: as expected, and the most it can be. Tokens as expected."""

    expected_nusd: int = 0
    most_nusd: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.expected_nusd + other.expected_nusd,
            self.most_nusd + other.most_nusd,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment as this configuration has it, with the price in force."""

    deployment: DeploymentFacts
    model: LanguageModelFacts
    price: Price

    @property
    def slug(self) -> str:
        return self.deployment.slug


class CannotBeAsked(ValueError):
    """A deployment that is not there, is off, or has no price; the message says which and why."""


def place_of(slug: str, snapshot: Snapshot, now_ms: int) -> Place:
    """Raises CannotBeAsked."""
    deployment = snapshot.config.deployments.get(slug)
    if deployment is None:
        raise CannotBeAsked(f"There is no deployment {slug} that could be asked.")
    if not deployment.is_enabled:
        raise CannotBeAsked(f"{slug} is switched off.")
    price = price_at(deployment.prices, now_ms)
    if price is None:
        raise CannotBeAsked(f"{slug} has no price, so nobody can say what it would cost. Set its price first.")
    model = snapshot.config.models[deployment.model]
    if model.modality != "chat":
        raise CannotBeAsked(f"{slug} serves {model.slug}, which answers no chats.")
    return Place(deployment, model, price)


def question(prompt: OfferedPrompt, place: Place, max_output_tokens: int) -> Chat:
    """The prompt as this deployment alone is asked it; the answer is not longer than that."""
    longest = min(max_output_tokens, place.model.max_output_tokens or max_output_tokens)
    body: dict[str, Any] = {"messages": prompt.messages, "max_tokens": longest, **prompt.options}
    asked = prompt.options.get("response_format")
    chat = Chat(
        requested_model="",
        fields={name: msgspec.json.encode(value) for name, value in body.items()},
        messages=tuple(prompt.messages),
        max_tokens=longest,
        response_format=asked.get("type") if isinstance(asked, dict) else None,
    )
    return addressed(chat, place)


def judges_question(chat: Chat, answer: str, judge: Place) -> Chat:
    return addressed(grading(chat, answer), judge)


def addressed(chat: Chat, place: Place) -> Chat:
    """To this deployment and to no other; nothing of the chat changes but the name."""
    name = f"{place.deployment.provider}/{place.model.slug}"
    fields = {**chat.fields, "model": msgspec.json.encode(name)}
    return msgspec.structs.replace(
        chat,
        requested_model=name,
        fields=fields,
        extras=RouterExtras(models=(f"deployment:{place.slug}",)),
        body_bytes=sum(map(len, fields.values())),
    )


def most_nusd(chat: Chat, place: Place) -> int:
    """What this one call can cost at most: every byte a token, the answer as long as it may be."""
    need = Need(estimate_tokens(chat.body_bytes), chat.max_tokens)
    forecast = Forecast(need.prompt_tokens, chat.max_tokens or DEFAULT_OUTPUT_TOKENS)
    return worst_case(place.model, need, forecast, chat.body_bytes).cost(place.price)


def cost_of(chat: Chat, place: Place, snapshot: Snapshot) -> Cost:
    """Of one call to a candidate."""
    need = Need(estimate_tokens(sum(len(one["content"].encode()) for one in chat.messages)), chat.max_tokens)
    forecast = forecast_for(place.model, need, snapshot.evidence, {})
    expected = attempt_cost(place.price, forecast.input_tokens, forecast.output_tokens)
    most = max(expected, most_nusd(chat, place))
    return Cost(expected, most, forecast.input_tokens, forecast.output_tokens, 1)


def judges_cost(chat: Chat, answer_tokens: int, judge: Place) -> Cost:
    """Of one call to the judge about an answer of so many tokens, of which nothing is there yet."""
    shortest, longest = answer_tokens * BYTES_PER_TOKEN, (chat.max_tokens or 0) * BYTES_PER_TOKEN
    asked = judges_question(chat, "x" * min(longest, ANSWER_CHARACTERS), judge)
    text = sum(len(str(one["content"])) for one in asked.messages) - max(0, min(longest, ANSWER_CHARACTERS) - shortest)
    tokens = estimate_tokens(text)
    expected = attempt_cost(judge.price, tokens, GRADE_TOKENS // 3)
    return Cost(expected, max(expected, most_nusd(asked, judge)), tokens, GRADE_TOKENS // 3, 1)


def ceiling_of(most: int) -> int:
    """The amount that a person is asked for: up to the next cent."""
    return -(-most // CENT_NUSD) * CENT_NUSD
