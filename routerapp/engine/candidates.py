"""Which deployments of a pool may serve one request, and why the others may not."""

from __future__ import annotations

from math import inf

from routerapp.engine.config import Config, Sieve, Standing, binding_constraints, quality_in, sieve_of
from routerapp.engine.constraints import Reason, covers, not_now, too_dear, unfit
from routerapp.engine.estimates import Forecast, forecast_with, need_of
from routerapp.engine.money import attempt_cost, price_at, rounded
from routerapp.engine.references import parse_reference
from routerapp.engine.strategies.ranking import Option
from routerapp.engine.types import DeploymentFacts, Evidence, Inputs, LanguageModelFacts, Live, LiveDeployment, Price
from routerapp.engine.verdicts import Verdict
from routerapp.engine.worst_case import most_tokens, worst_case

COOLDOWNS = frozenset((Verdict.IN_COOLDOWN, Verdict.PROBE_IN_FLIGHT))
_IDLE = LiveDeployment()


class Survey:
    """One request's look at the catalogue under one set of limits: options that are in, reasons for those that are out."""

    def __init__(
        self, config: Config, evidence: Evidence, inputs: Inputs, live: Live, limits: Standing, now_ms: int
    ) -> None:
        self.config = config
        self.evidence = evidence
        self.live = live
        self.limits = limits
        self.now_ms = now_ms
        self.out: dict[str, Reason] = {}
        self._only = inputs.only
        self._need = need_of(inputs)
        self._binding = binding_constraints(config, inputs.facts.key)
        self._models: dict[str, tuple[Reason | None, Forecast]] = {}

    def assess(self, pool: tuple[str, ...], *, overriding: bool = False) -> list[Option]:
        """Options in the order of the pool. overriding: cooldown is no reason this time."""
        sieve = sieve_of(pool, self.limits, self._binding, self.config)
        if sieve.out:
            self.out.update(sieve.out)
        live, left, now_ms = self.live.deployments, self.live.budget_left_nusd, self.now_ms
        constraints, models, only = self.limits.constraints, self._models, self._only
        # What nobody can exceed need not be looked at eight times.
        is_ample = left is not None and self._most_of_all(sieve) <= left
        options: list[Option] = []
        for position, deployment, model in sieve.left:
            slug = deployment.slug
            if only and not any(names(name, deployment) for name in only):
                self.out[slug] = (Verdict.EXCLUDED_BY_REQUEST, {})
                continue
            misfit, forecast = models.get(model.slug) or self._look_at(model)
            price = price_at(deployment.prices, now_ms)
            tokens = forecast.output_tokens
            cost = None if price is None else attempt_cost(price, forecast.input_tokens, tokens)
            state = live.get(slug, _IDLE)
            if left is None or (is_ample and price is not None):
                budget = most = None
            else:
                budget, most = self._worst_case(model, forecast, price)
            reason = (
                misfit
                or too_dear(constraints, price, cost, budget, most)
                or not_now(deployment, constraints, state, now_ms, forecast)
            )
            if reason is not None and not (overriding and reason[0] in COOLDOWNS):
                self.out[slug] = reason
                continue
            ttft_ms = state.ttft_ewma_ms
            if ttft_ms is not None:
                ttft_ms = float(ttft_ms)
            option = Option(slug, position, deployment, model, state, forecast.quality, cost, ttft_ms, tokens)
            if forecast.is_quality_learned:
                option.is_quality_learned = True
            if state.breaker != "closed":
                option.verdict = Verdict.PROBE_PERMITTED if reason is None else Verdict.COOLDOWN_OVERRIDDEN
            options.append(option)
        return options

    def soonest_to_reopen(self) -> str | None:
        """Among those that only cooldown keeps out; ties by slug."""
        waiting = [(self._reopens_at(slug), slug) for slug, reason in self.out.items() if reason[0] in COOLDOWNS]
        return min(waiting)[1] if waiting else None

    def _worst_case(
        self, model: LanguageModelFacts, forecast: Forecast, price: Price | None
    ) -> tuple[int | None, int | None]:
        """(what is left of the budget, the most this would cost); both None where an unpriced deployment is let through."""
        budgets, left = self.config.budgets, self.live.budget_left_nusd
        if budgets is None:
            return left, None
        if price is None:
            return (None if budgets.unpriced == "allow" else left), None
        return left, worst_case(model, self._need, forecast).cost(price)

    def _most_of_all(self, sieve: Sieve) -> float:
        """No less than any of them costs in the worst case; infinite where budgets look at something else."""
        if self.config.budgets is None:
            return inf
        read, written = most_tokens(self._need, self.evidence)
        return rounded(read * sieve.dearest_input_nusd + written * sieve.dearest_output_nusd)

    def _reopens_at(self, slug: str) -> float:
        verdict, detail = self.out[slug]
        if verdict is Verdict.PROBE_IN_FLIGHT:
            return float(self.now_ms)
        reopens_at_ms = detail["reopens_at_ms"]
        return float("inf") if reopens_at_ms is None else float(reopens_at_ms)

    def _look_at(self, model: LanguageModelFacts) -> tuple[Reason | None, Forecast]:
        quality, is_learned = quality_in(self.config, model, self._need.task, self.evidence)
        forecast = forecast_with(model, self._need, self.evidence, quality, is_learned)
        found = self._models[model.slug] = (unfit(model, self._need, self.limits.constraints, forecast), forecast)
        return found


def names(name: str, deployment: DeploymentFacts) -> bool:
    """Whether a caller's word names this deployment: its slug, its model, provider/model, or a reference."""
    if name in (deployment.slug, deployment.model):
        return True
    provider, slash, rest = name.partition("/")
    if slash and provider == deployment.provider:
        return rest in (deployment.model, deployment.upstream_model)
    reference = parse_reference(name) if ":" in name or name == "all" else None
    return reference is not None and covers(reference, deployment)


def place_of(only: tuple[str, ...], deployment: DeploymentFacts) -> int:
    """Index of the first of the caller's words that names this deployment."""
    return next((place for place, name in enumerate(only) if names(name, deployment)), len(only))
