"""What a template lacks on the present catalogue: what would keep it from being published or from working, and what would make it weaker than it sounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.config import Config
from routerapp.engine.policy import parse_policy
from routerapp.engine.publish import check_publishable
from routerapp.models import Modality
from routerapp.serving.policy_checks import live_policies
from routerapp.serving.policy_templates import QUALITY_FLOOR

_RANKED_BY_COST = ("balanced", "cheapest-good", "by-task", "personal-data-stays")
_RANKED_BY_QUALITY = ("balanced", "by-task", "personal-data-stays")
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """is_blocking: it cannot be published, or would answer nobody."""

    words: str
    is_blocking: bool


def template_gaps(template: str, document: Mapping[str, Any], config: Config) -> tuple[Gap, ...]:
    """Empty when nothing is missing. document: the template's, as it would be published."""
    policy = parse_policy(document, version=0)
    problems = dict.fromkeys(problem.message for problem in check_publishable(policy, config, live_policies(config)))
    blocking = [Gap(words, True) for words in problems]
    if not any(one.is_enabled for one in config.deployments.values()):
        return tuple(blocking)
    return (*blocking, *_quality_gaps(template, config), *_price_gaps(template, config))


def _quality_gaps(template: str, config: Config) -> Iterator[Gap]:
    qualities = [_quality(scores) for scores in _scores(config)]
    known = [quality for quality in qualities if quality is not None]
    if template == "cheapest-good" and not any(quality >= QUALITY_FLOOR for quality in known):
        words = f"No model is known to be at least {QUALITY_FLOOR:g} good, so nothing would be left. Estimate the quality of your models first."
        yield Gap(words, True)
    elif template == "cheapest-good" and len(known) < len(qualities):
        yield Gap(f"{_of_models(len(qualities) - len(known))} of unknown quality will never be used.", False)
    elif template in _RANKED_BY_QUALITY and not known:
        yield Gap("No model has a score yet, so quality cannot tell them apart.", False)


def _price_gaps(template: str, config: Config) -> Iterator[Gap]:
    unpriced = sorted(one.slug for one in config.deployments.values() if one.is_enabled and not one.prices)
    if template in _RANKED_BY_COST and unpriced:
        more = f" and {len(unpriced) - MOST_NAMED} more" if len(unpriced) > MOST_NAMED else ""
        yield Gap(f"Without a price, so ranked as the dearest: {', '.join(unpriced[:MOST_NAMED])}{more}.", False)


def _scores(config: Config) -> Iterator[Mapping[str, float]]:
    """Of each chat model that some deployment serves."""
    served = {one.model for one in config.deployments.values() if one.is_enabled}
    for slug in sorted(served):
        if config.models[slug].modality == Modality.CHAT:
            yield config.models[slug].scores


def _quality(scores: Mapping[str, float]) -> float | None:
    """As the engine judges a prompt of no special task: accuracy, else the mean."""
    if "accuracy" in scores:
        return scores["accuracy"]
    return sum(scores.values()) / len(scores) if scores else None


def _of_models(count: int) -> str:
    return "One model" if count == 1 else f"{count} models"
