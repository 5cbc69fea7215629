"""The limit on an answer that is sent upstream where a spend or token limit binds and nobody set one: without it no hold could be kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from routerapp.engine.allowances import counts_usage
from routerapp.engine.config import Config
from routerapp.engine.estimates import expected_answer
from routerapp.engine.types import CallerFacts, Evidence, Inputs, PlanStep, RequestFacts, TraceStep
from routerapp.engine.verdicts import Verdict
from routerapp.engine.worst_case import output_cap

# Names of the limit among a policy's parameter overrides; the first is the one we send.
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")


def caps_of(
    plan: Sequence[PlanStep], config: Config, evidence: Evidence, inputs: Inputs, parameters: Mapping[str, Any]
) -> dict[str, int]:
    """Deployment -> most tokens of its answer; empty where the request or the policy sets a limit, or none is needed."""
    facts, caps = inputs.facts, dict[str, int]()
    if config.budgets is None or facts.endpoint != "chat":
        return caps
    if facts.max_tokens is not None and not removes_limit(parameters):
        return caps
    subjects = config.subjects_of(caller_of(config, facts), facts.user)
    if not subjects or not counts_usage(subjects) or limit_in(parameters) is not None:
        return caps
    predicted = {} if inputs.predictions is None else inputs.predictions.models
    for step in plan:
        model = config.models[config.deployments[step.deployment].model]
        expected = expected_answer(model.slug, inputs.features.task, evidence, predicted)
        caps[step.deployment] = output_cap(model, expected)
    return caps


def trace_of(caps: Mapping[str, int]) -> list[TraceStep]:
    return [
        TraceStep("plan", slug, Verdict.OUTPUT_CAPPED_BY_BUDGET, {"max_tokens": tokens})
        for slug, tokens in caps.items()
    ]


def caps_in(trace: Sequence[TraceStep]) -> dict[str, int]:
    """The caps that a decision's trace tells of."""
    return {
        step.subject: step.because["max_tokens"] for step in trace if step.verdict is Verdict.OUTPUT_CAPPED_BY_BUDGET
    }


def limit_in(parameters: Mapping[str, Any]) -> int | None:
    """The largest limit on the answer that these overrides set."""
    found = [parameters[name] for name in LIMIT_FIELDS if name in parameters]
    return max((one for one in found if isinstance(one, int) and not isinstance(one, bool)), default=None)


def removes_limit(parameters: Mapping[str, Any]) -> bool:
    """Whether these overrides take a limit of the caller's away: null removes a field."""
    return any(name in parameters and parameters[name] is None for name in LIMIT_FIELDS)


def caller_of(config: Config, facts: RequestFacts) -> CallerFacts:
    """The key of the request, or the people who have none: the playground's."""
    found = config.callers.get(facts.key or "")
    return found if found is not None else CallerFacts(slug=facts.key or "", team=facts.team or "")
