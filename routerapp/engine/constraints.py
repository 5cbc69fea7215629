"""Hard limits on every attempt, and why a deployment fails them. Limits only ever narrow: a fallback is held to the same ones.

Checks run in one fixed order, so that the reason given is always the same: switched off or draining, named lists, region and
residency, what the model can do, quality, price and cost, budget, latency, rate, capacity, cooldown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from routerapp.engine.estimates import Forecast, Need, Quote
from routerapp.engine.money import format_usd
from routerapp.engine.problems import PolicyError, Problem
from routerapp.engine.references import Reference, parse_target
from routerapp.engine.section import Section
from routerapp.engine.types import DeploymentFacts, LanguageModelFacts, LiveDeployment, Price
from routerapp.engine.verdicts import Verdict

Reason = tuple[Verdict, Mapping[str, Any]]
Names = frozenset[str]

_LISTS = ("regions", "providers", "models", "deployments")
_PRICES = {
    "max_cost_usd": "max_cost_nusd",
    "max_input_usd_per_mtok": "max_input_nusd_per_mtok",
    "max_output_usd_per_mtok": "max_output_nusd_per_mtok",
}
KEYS = (*_LISTS, "residency", "exclude", *_PRICES, "max_ttft_ms", "min_quality")
MAX_TTFT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Constraints:
    """None is no limit; an empty set of names admits nothing. residency: of each group a deployment must carry one tag."""

    regions: Names | None = None
    residency: frozenset[Names] = frozenset()
    providers: Names | None = None
    models: Names | None = None
    deployments: Names | None = None
    exclude: frozenset[Reference] = frozenset()
    max_cost_nusd: int | None = None
    max_input_nusd_per_mtok: int | None = None
    max_output_nusd_per_mtok: int | None = None
    max_ttft_ms: float | None = None
    min_quality: float | None = None

    def narrow(self, other: Constraints) -> Constraints:
        """What both admit."""
        if other == NO_CONSTRAINTS:
            return self
        if self == NO_CONSTRAINTS:
            return other
        merged: dict[str, Any] = {
            "residency": self.residency | other.residency,
            "exclude": self.exclude | other.exclude,
        }
        for name in _LISTS:
            merged[name] = _both(getattr(self, name), getattr(other, name))
        for name in (*_PRICES.values(), "max_ttft_ms"):
            merged[name] = _least(getattr(self, name), getattr(other, name))
        floors = [floor for floor in (self.min_quality, other.min_quality) if floor is not None]
        return replace(self, **merged, min_quality=max(floors, default=None))

    def document(self) -> dict[str, Any]:
        """Canonical form; parse_constraints reads it back to an equal value."""
        document: dict[str, Any] = {}
        for name in _LISTS:
            if (names := getattr(self, name)) is not None:
                document[name] = sorted(names)
        if self.residency:
            groups = sorted(sorted(group) for group in self.residency)
            document["residency"] = groups[0] if len(groups) == 1 else groups
        if self.exclude:
            document["exclude"] = sorted(str(reference) for reference in self.exclude)
        for key, name in _PRICES.items():
            if (nusd := getattr(self, name)) is not None:
                document[key] = format_usd(nusd)
        for name in ("max_ttft_ms", "min_quality"):
            if (limit := getattr(self, name)) is not None:
                document[name] = limit
        return document


NO_CONSTRAINTS = Constraints()


def parse_constraints(document: Any, path: str = "constraints") -> Constraints:
    """Raises PolicyError with every problem."""
    problems: list[Problem] = []
    constraints = read_constraints(document, path, problems)
    if problems:
        raise PolicyError(tuple(problems))
    return constraints


def read_constraints(document: Any, path: str, problems: list[Problem]) -> Constraints:
    """As parse_constraints, adding to problems. An absent or empty document limits nothing."""
    if document is None or document == {}:
        return NO_CONSTRAINTS
    section = Section(document, path, problems, KEYS)
    limits: dict[str, Any] = {name: section.money(key) for key, name in _PRICES.items()}
    for key in _LISTS:
        limits[key] = frozenset(names) if (names := section.texts(key)) is not None else None
    return Constraints(
        **limits,
        residency=_read_residency(section),
        exclude=_read_exclude(section),
        max_ttft_ms=section.number("max_ttft_ms", None, 1, MAX_TTFT_MS),
        min_quality=section.number("min_quality", None, 0, 1),
    )


def why_not(
    deployment: DeploymentFacts,
    model: LanguageModelFacts,
    need: Need,
    constraints: Constraints,
    live: LiveDeployment,
    quote: Quote,
    now_ms: int,
    budget_left_nusd: int | None = None,
) -> Reason | None:
    """The first reason why this deployment may not serve this request now, or None. The whole check, in the fixed order."""
    return (
        standing(deployment, constraints)
        or unfit(model, need, constraints, quote.forecast)
        or too_dear(constraints, quote.price, quote.estimate.cost_nusd, budget_left_nusd, quote.most_nusd)
        or not_now(deployment, constraints, live, now_ms, quote.forecast)
    )


def standing(deployment: DeploymentFacts, constraints: Constraints) -> Reason | None:
    """Reasons that hold whatever the request: they change only with the configuration."""
    if not deployment.is_enabled:
        return Verdict.DEPLOYMENT_DISABLED, {}
    if deployment.is_draining:
        return Verdict.DRAINING, {}
    for reference in sorted(constraints.exclude):
        if covers(reference, deployment):
            return Verdict.EXCLUDED_BY_CONSTRAINT, {"exclude": str(reference)}
    return named_lists(deployment, constraints) or _location(deployment, constraints)


def named_lists(deployment: DeploymentFacts, constraints: Constraints) -> Reason | None:
    """The allow-lists of deployments, models and providers."""
    if constraints.deployments is not None and deployment.slug not in constraints.deployments:
        return Verdict.EXCLUDED_BY_CONSTRAINT, {"limit": "deployments"}
    if constraints.models is not None and deployment.model not in constraints.models:
        return Verdict.MODEL_NOT_ALLOWED, {"model": deployment.model}
    if constraints.providers is not None and deployment.provider not in constraints.providers:
        return Verdict.PROVIDER_NOT_ALLOWED, {"provider": deployment.provider}
    return None


def _location(deployment: DeploymentFacts, constraints: Constraints) -> Reason | None:
    if constraints.regions is not None and deployment.region not in constraints.regions:
        return Verdict.REGION_NOT_ALLOWED, {"region": deployment.region, "allowed": sorted(constraints.regions)}
    for group in sorted(map(sorted, constraints.residency)):
        if not set(group) & set(deployment.residency):
            return Verdict.RESIDENCY_NOT_ALLOWED, {"residency": sorted(deployment.residency), "allowed": group}
    return None


def unfit(model: LanguageModelFacts, need: Need, constraints: Constraints, forecast: Forecast) -> Reason | None:
    """What the model cannot do for this request; the same for all its deployments."""
    if model.modality != need.endpoint:
        return Verdict.WRONG_ENDPOINT, {"needs": need.endpoint, "has": model.modality}
    answer = forecast.output_tokens
    if need.max_tokens is not None:
        answer, limit = need.max_tokens, model.max_output_tokens
        if limit is not None and answer > limit:
            return Verdict.OUTPUT_LIMIT_TOO_SMALL, {"needs": answer, "has": limit}
    read = forecast.input_tokens if need.longest_input_tokens is None else need.longest_input_tokens
    if read + answer > model.context_window:
        return Verdict.CONTEXT_TOO_SMALL, {"needs": read + answer, "has": model.context_window}
    if missing := _missing_ability(model, need):
        return missing, {}
    if constraints.min_quality is None:
        return None
    if forecast.quality is None:
        return Verdict.QUALITY_UNKNOWN, {"needs": constraints.min_quality}
    if forecast.quality < constraints.min_quality:
        return Verdict.QUALITY_TOO_LOW, {"needs": constraints.min_quality, "has": forecast.quality}
    return None


def _missing_ability(model: LanguageModelFacts, need: Need) -> Verdict | None:
    if need.tools and not model.has_tools:
        return Verdict.MISSING_TOOLS
    if need.vision and not model.has_vision:
        return Verdict.MISSING_VISION
    if need.json_schema and not model.has_json_schema:
        return Verdict.MISSING_JSON_SCHEMA
    if need.streaming and not model.has_streaming:
        return Verdict.MISSING_STREAMING
    return None


def too_dear(
    constraints: Constraints,
    price: Price | None,
    cost_nusd: int | None,
    budget_left_nusd: int | None,
    most_nusd: int | None = None,
) -> Reason | None:
    """Ceilings and budget. Under any of them an unpriced deployment is out: unpriced is not free.

    A ceiling is about the expected cost; a budget about most_nusd, the worst case, where that is known.
    """
    ceiling, input_cap, output_cap = (
        constraints.max_cost_nusd,
        constraints.max_input_nusd_per_mtok,
        constraints.max_output_nusd_per_mtok,
    )
    if ceiling is None and input_cap is None and output_cap is None and budget_left_nusd is None:
        return None
    if price is None or cost_nusd is None:
        return Verdict.UNPRICED, {}
    if input_cap is not None and price.input_nusd_per_mtok > input_cap:
        return Verdict.PRICE_TOO_HIGH, {"input_nusd_per_mtok": price.input_nusd_per_mtok, "allowed": input_cap}
    if output_cap is not None and price.output_nusd_per_mtok > output_cap:
        return Verdict.PRICE_TOO_HIGH, {"output_nusd_per_mtok": price.output_nusd_per_mtok, "allowed": output_cap}
    if ceiling is not None and cost_nusd > ceiling:
        return Verdict.COST_TOO_HIGH, {"cost_nusd": cost_nusd, "allowed": ceiling}
    most_nusd = cost_nusd if most_nusd is None else most_nusd
    if budget_left_nusd is not None and most_nusd > max(budget_left_nusd, 0):
        return Verdict.OVER_BUDGET, {"cost_nusd": most_nusd, "left_nusd": budget_left_nusd}
    return None


def not_now(
    deployment: DeploymentFacts, constraints: Constraints, live: LiveDeployment, now_ms: int, forecast: Forecast
) -> Reason | None:
    """Reasons that pass with time. Cooldown comes last: who has it has no other. An unmeasured latency is not too slow."""
    ceiling, measured = constraints.max_ttft_ms, live.ttft_ewma_ms
    if ceiling is not None and measured is not None and measured > ceiling:
        return Verdict.TOO_SLOW, {"ttft_ms": float(measured), "allowed": ceiling}
    if live.requests_left is not None and live.requests_left <= 0:
        return Verdict.RATE_LIMITED, {}
    if live.tokens_left is not None and live.tokens_left < forecast.input_tokens + forecast.output_tokens:
        needs = forecast.input_tokens + forecast.output_tokens
        return Verdict.RATE_LIMITED, {"needs_tokens": needs, "left_tokens": live.tokens_left}
    if deployment.max_in_flight is not None and live.in_flight >= deployment.max_in_flight:
        return Verdict.AT_CAPACITY, {"in_flight": live.in_flight, "has": deployment.max_in_flight}
    if live.breaker == "closed":
        return None
    reopens_at_ms = live.reopens_at_ms
    if live.breaker == "open" and (reopens_at_ms is None or now_ms < reopens_at_ms):
        return Verdict.IN_COOLDOWN, {"reopens_at_ms": reopens_at_ms}
    if live.probes_in_flight > 0:
        return Verdict.PROBE_IN_FLIGHT, {"reopens_at_ms": reopens_at_ms}
    return None


def covers(reference: Reference, deployment: DeploymentFacts) -> bool:
    """Whether a reference names this deployment."""
    kind, name = reference
    if kind == "deployment":
        return name == deployment.slug
    if kind == "model":
        return name == deployment.model
    if kind == "provider":
        return name == deployment.provider
    if kind == "tag":
        return name in deployment.tags
    return kind == "all"


def _read_residency(section: Section) -> frozenset[Names]:
    value = section.document.get("residency")
    if isinstance(value, list | tuple) and value and all(isinstance(group, list | tuple) for group in value):
        groups = [
            Section({"residency": group}, section.path, section.problems, KEYS).texts("residency") for group in value
        ]
        return frozenset(frozenset(group) for group in groups if group is not None)
    tags = section.texts("residency")
    return frozenset() if tags is None else frozenset((frozenset(tags),))


def _read_exclude(section: Section) -> frozenset[Reference]:
    references: set[Reference] = set()
    for index, text in enumerate(section.texts("exclude") or ()):
        reference = parse_target(text)
        if reference is None:
            section.refuse(
                f"exclude[{index}]", "bad_reference", f"{text[:64]!r} names no deployment, model, provider or tag."
            )
        else:
            references.add(reference)
    return frozenset(references)


def _both(one: Names | None, other: Names | None) -> Names | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _least(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
