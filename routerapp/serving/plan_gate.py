"""Asks the engine's why_not again before each attempt, with the live values, prices and money of that moment. A fallback never widens."""

from __future__ import annotations

from routerapp.engine.constraints import Reason, parse_constraints, why_not
from routerapp.engine.estimates import Quote, forecast_for, need_of, quote_for
from routerapp.engine.types import DeploymentFacts, LanguageModelFacts, LiveDeployment, PlanStep
from routerapp.engine.verdicts import Verdict
from routerapp.providers.errors import ContextTooLong, ProviderError
from routerapp.serving.plan_job import PlanJob


class PlanGate:
    """Knows one job. Built only when a second attempt is thinkable: the first was decided this instant."""

    def __init__(self, job: PlanJob) -> None:
        self._job = job
        self._need = need_of(job.inputs)
        self._constraints = parse_constraints(job.decision.constraints)
        self._overridden = {
            candidate.deployment
            for candidate in job.decision.candidates
            if candidate.verdict == Verdict.COOLDOWN_OVERRIDDEN
        }
        self._outgrown_window = 0

    def note(self, step: PlanStep, error: ProviderError) -> None:
        """After 'context too long' only a larger window is worth asking."""
        if isinstance(error, ContextTooLong):
            self._outgrown_window = max(self._outgrown_window, self._window(step))

    def why_not(
        self, step: PlanStep, live: LiveDeployment, now_ms: int, spent_nusd: int, *, is_starting: bool = False
    ) -> Reason | None:
        """is_starting: it is about to be asked, so what it may cost is held; otherwise this is a question only."""
        config = self._job.config
        deployment = config.deployments.get(step.deployment)
        model = config.models.get(deployment.model) if deployment else None
        if deployment is None or model is None:
            return Verdict.DEPLOYMENT_DISABLED, {}
        if self._outgrown_window and model.context_window <= self._outgrown_window:
            return Verdict.CONTEXT_TOO_SMALL, {"needs": self._outgrown_window + 1, "has": model.context_window}
        quote = self._quote(deployment, model, live, now_ms)
        reason = why_not(deployment, model, self._need, self._constraints, live, quote, now_ms)
        if reason and reason[0] == Verdict.IN_COOLDOWN and step.deployment in self._overridden:
            reason = None
        reason = reason or self._over_ceiling(quote, spent_nusd)
        hold = self._job.hold
        return reason if hold is None or reason else hold.why_not(step.deployment, is_starting=is_starting)

    def cost_of(self, step: PlanStep, live: LiveDeployment, now_ms: int) -> int:
        """What an attempt that still runs is expected to cost; nothing where it has no price."""
        deployment = self._job.config.deployments[step.deployment]
        quote = self._quote(deployment, self._job.config.models[deployment.model], live, now_ms)
        return quote.estimate.cost_nusd or 0

    def _quote(
        self, deployment: DeploymentFacts, model: LanguageModelFacts, live: LiveDeployment, now_ms: int
    ) -> Quote:
        forecast = forecast_for(model, self._need, self._job.evidence, self._job.config.task_dimensions)
        return quote_for(deployment, forecast, live, now_ms)

    def _over_ceiling(self, quote: Quote, spent_nusd: int) -> Reason | None:
        """The plan's one cost ceiling: what was spent plus what this attempt would cost."""
        ceiling = self._job.decision.limits.max_cost_nusd
        if ceiling is None:
            return None
        cost_nusd = quote.estimate.cost_nusd
        if cost_nusd is None:
            return Verdict.UNPRICED, {}
        if spent_nusd + cost_nusd > ceiling:
            return Verdict.COST_TOO_HIGH, {"cost_nusd": spent_nusd + cost_nusd, "allowed": ceiling}
        return None

    def _window(self, step: PlanStep) -> int:
        deployment = self._job.config.deployments.get(step.deployment)
        model = self._job.config.models.get(deployment.model) if deployment else None
        return model.context_window if model else 0
