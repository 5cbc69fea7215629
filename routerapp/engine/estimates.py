"""What one request needs, and what it would read, write, cost and be worth on one model or deployment before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from routerapp.engine.money import attempt_cost, price_at
from routerapp.engine.types import (
    DeploymentFacts,
    Estimate,
    Evidence,
    Inputs,
    LanguageModelFacts,
    LiveDeployment,
    ModelPrediction,
    Price,
)

DEFAULT_OUTPUT_TOKENS = 300
GENERAL_DIMENSION = "accuracy"


class Need(msgspec.Struct, frozen=True, gc=False):
    """What a request asks of a model. max_tokens is the caller's own limit on the answer; predicted: by slug of the model."""

    prompt_tokens: int
    max_tokens: int | None = None
    tools: bool = False
    vision: bool = False
    json_schema: bool = False
    streaming: bool = False
    task: str = "unknown"
    tokens_exact: bool = False
    endpoint: str = "chat"
    longest_input_tokens: int | None = None
    predicted: Mapping[str, ModelPrediction] = {}


class Forecast(msgspec.Struct, frozen=True, gc=False):
    """What one model would see of one request: tokens in and out, and its quality for the task (None: unknown).

    is_quality_learned: no score was given by hand; it is a posterior mean of outcomes.
    """

    input_tokens: int
    output_tokens: int
    quality: float | None = None
    is_quality_learned: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """One deployment's offer at one instant. price None: unpriced. most_nusd: its worst case, where that was asked for."""

    forecast: Forecast
    price: Price | None
    estimate: Estimate
    most_nusd: int | None = None


def need_of(inputs: Inputs) -> Need:
    features, facts = inputs.features, inputs.facts
    return Need(
        features.prompt_tokens,
        facts.max_tokens,
        features.wants_tools,
        features.has_images,
        facts.needs_json_schema,
        facts.stream,
        features.task,
        features.tokens_exact,
        facts.endpoint,
        facts.longest_input_tokens,
        {} if inputs.predictions is None else inputs.predictions.models,
    )


def forecast_for(
    model: LanguageModelFacts, need: Need, evidence: Evidence, task_dimensions: Mapping[str, str]
) -> Forecast:
    """Corrected prompt length, expected answer length capped by the caller's limit, quality."""
    quality, is_learned = learned_quality(model, need.task, task_dimensions, evidence)
    return forecast_with(model, need, evidence, quality, is_learned)


def forecast_with(
    model: LanguageModelFacts, need: Need, evidence: Evidence, quality: float | None, is_learned: bool = False
) -> Forecast:
    """As forecast_for, where the quality is known already. What was predicted of this prompt's answer goes before what is usual."""
    tokens = need.prompt_tokens
    if evidence.token_correction and not need.tokens_exact:
        factor = evidence.token_correction.get(model.slug, 1.0)
        tokens = tokens if factor == 1.0 else round(tokens * factor)
    if need.endpoint != "chat":
        return Forecast(tokens, 0, quality, is_learned)
    expected = expected_answer(model.slug, need.task, evidence, need.predicted)
    limit = need.max_tokens
    return Forecast(tokens, expected if limit is None or limit >= expected else limit, quality, is_learned)


def expected_answer(model: str, task: str, evidence: Evidence, predicted: Mapping[str, ModelPrediction]) -> int:
    """Tokens of the answer: as predicted for this prompt, else as is usual for the task."""
    if predicted and (one := predicted.get(model)) is not None and one.output_tokens is not None:
        return max(1, round(one.output_tokens))
    return expected_output_tokens(model, task, evidence) if evidence.expected_output_tokens else DEFAULT_OUTPUT_TOKENS


def expected_output_tokens(model: str, task: str, evidence: Evidence) -> int:
    """From the closest evidence there is: this model and task, this model, all models, else 300."""
    known = evidence.expected_output_tokens
    if not known:
        return DEFAULT_OUTPUT_TOKENS
    for key in (f"{model}|{task}", f"{model}|*", "*|*"):
        if (tokens := known.get(key)) is not None:
            return round(tokens)
    return DEFAULT_OUTPUT_TOKENS


def quality_of(model: LanguageModelFacts, task: str, task_dimensions: Mapping[str, str]) -> float | None:
    """Score on the task's dimension, else on accuracy, else the mean of all scores, else unknown."""
    scores = model.scores
    dimension = task_dimensions.get(task)
    if dimension is not None and (score := scores.get(dimension)) is not None:
        return score
    if (score := scores.get(GENERAL_DIMENSION)) is not None:
        return score
    return sum(scores[name] for name in sorted(scores)) / len(scores) if scores else None


def learned_quality(
    model: LanguageModelFacts, task: str, task_dimensions: Mapping[str, str], evidence: Evidence
) -> tuple[float | None, bool]:
    """quality_of with what outcomes taught on a dimension that nobody scored by hand, and whether it is that."""
    known = evidence.capabilities
    if known:
        for dimension in (task_dimensions.get(task), GENERAL_DIMENSION):
            if dimension is None:
                continue
            if (score := model.scores.get(dimension)) is not None:
                return score, False
            if (mean := known.get(f"{model.slug}|{dimension}")) is not None:
                return mean, True
    return quality_of(model, task, task_dimensions), False


def quote_for(deployment: DeploymentFacts, forecast: Forecast, live: LiveDeployment, now_ms: int) -> Quote:
    price = price_at(deployment.prices, now_ms)
    cost = None if price is None else attempt_cost(price, forecast.input_tokens, forecast.output_tokens)
    ttft_ms = None if live.ttft_ewma_ms is None else float(live.ttft_ewma_ms)
    return Quote(forecast, price, Estimate(cost, ttft_ms, forecast.output_tokens))
