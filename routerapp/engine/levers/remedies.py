"""What could lift the reason why a deployment is out. While that reason stands, no other change can bring it in, so none is tried."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.levers.lever import Lever
from routerapp.engine.verdicts import Verdict

_ROUTE = frozenset(("rule", "condition", "pool"))
_RATE = frozenset(
    ("requests_per_minute", "tokens_per_minute", "requests_left", "tokens_left", "prompt_tokens", "max_tokens")
)
# Reasons that hold whatever rule decides: the only fields that lift them.
_FIELDS: Mapping[Verdict, frozenset[str]] = {
    Verdict.WRONG_ENDPOINT: frozenset(),
    Verdict.DEPLOYMENT_DISABLED: frozenset(("is_enabled",)),
    Verdict.DRAINING: frozenset(("is_draining",)),
    Verdict.MISSING_TOOLS: frozenset(("has_tools", "wants_tools")),
    Verdict.MISSING_VISION: frozenset(("has_vision", "has_images")),
    Verdict.MISSING_JSON_SCHEMA: frozenset(("has_json_schema", "needs_json_schema")),
    Verdict.MISSING_STREAMING: frozenset(("has_streaming", "stream")),
    Verdict.CONTEXT_TOO_SMALL: frozenset(("context_window", "prompt_tokens", "max_tokens")),
    Verdict.OUTPUT_LIMIT_TOO_SMALL: frozenset(("max_output_tokens", "max_tokens")),
    Verdict.RATE_LIMITED: _RATE,
    Verdict.AT_CAPACITY: frozenset(("max_in_flight", "in_flight")),
}
# Reasons that a policy or a caller gives: kinds of levers that lift them, besides another rule.
_KINDS: Mapping[Verdict, frozenset[str]] = {
    Verdict.NOT_REACHED: frozenset(),
    Verdict.REJECTED_BY_RULE: frozenset(),
    Verdict.EXCLUDED_BY_REQUEST: frozenset(),
    Verdict.EXCLUDED_BY_CONSTRAINT: frozenset(("constraint",)),
    Verdict.KEY_NOT_ALLOWED: frozenset(("constraint",)),
    Verdict.PROVIDER_NOT_ALLOWED: frozenset(("constraint",)),
    Verdict.MODEL_NOT_ALLOWED: frozenset(("constraint",)),
    Verdict.REGION_NOT_ALLOWED: frozenset(("constraint", "deployment")),
    Verdict.RESIDENCY_NOT_ALLOWED: frozenset(("constraint", "deployment")),
    Verdict.UNPRICED: frozenset(("constraint", "price")),
    Verdict.PRICE_TOO_HIGH: frozenset(("constraint", "price")),
    Verdict.COST_TOO_HIGH: frozenset(("constraint", "price")),
    Verdict.OVER_BUDGET: frozenset(("budget", "price", "model")),
    Verdict.TOO_SLOW: frozenset(("constraint", "live")),
    Verdict.QUALITY_UNKNOWN: frozenset(("constraint", "score")),
    Verdict.QUALITY_TOO_LOW: frozenset(("constraint", "score")),
}


def can_help(lever: Lever, verdict: Verdict, subjects: tuple[str, ...]) -> bool:
    """Whether a lever could lift this reason. subjects: the slugs of the deployment and of its model. Unsure is yes."""
    handle = lever.handle
    fields, kinds = _FIELDS.get(verdict), _KINDS.get(verdict)
    if fields is not None:
        return handle.field in fields and handle.subject in ("", *subjects)
    if kinds is None or handle.kind in _ROUTE or handle.kind == "request":
        return True
    if handle.kind == "parameter":
        return handle.field.endswith(".weight")
    is_new_limit = handle.kind == "constraint" and lever.before is None
    is_elsewhere = handle.kind in ("deployment", "price", "score", "model", "live") and handle.subject not in subjects
    return handle.kind in kinds and not is_new_limit and not is_elsewhere
