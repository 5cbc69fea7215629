"""The closed set of reasons a decision can give. Codes only: words for people live in the dashboard's presenter.

Recorded in traces for ever: a code may be added, never renamed or reused.
"""

from enum import StrEnum


class Verdict(StrEnum):
    # names and policies
    NAME_RESOLVED = "name_resolved"
    ALIAS_RESOLVED = "alias_resolved"
    PINNED = "pinned"
    SUB_POLICY_ENTERED = "sub_policy_entered"
    # rules
    RULE_MATCHED = "rule_matched"
    RULE_NOT_MATCHED = "rule_not_matched"
    RULE_DISABLED = "rule_disabled"
    RULE_UNKNOWN = "rule_unknown"
    DEFAULT_USED = "default_used"
    REJECTED_BY_RULE = "rejected_by_rule"
    # candidates: why one is out
    DEPLOYMENT_DISABLED = "deployment_disabled"
    DRAINING = "draining"
    EXCLUDED_BY_REQUEST = "excluded_by_request"
    EXCLUDED_BY_CONSTRAINT = "excluded_by_constraint"
    KEY_NOT_ALLOWED = "key_not_allowed"
    CONTEXT_TOO_SMALL = "context_too_small"
    OUTPUT_LIMIT_TOO_SMALL = "output_limit_too_small"
    MISSING_TOOLS = "missing_tools"
    MISSING_VISION = "missing_vision"
    MISSING_JSON_SCHEMA = "missing_json_schema"
    MISSING_STREAMING = "missing_streaming"
    PROVIDER_NOT_ALLOWED = "provider_not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    REGION_NOT_ALLOWED = "region_not_allowed"
    RESIDENCY_NOT_ALLOWED = "residency_not_allowed"
    UNPRICED = "unpriced"
    PRICE_TOO_HIGH = "price_too_high"
    COST_TOO_HIGH = "cost_too_high"
    OVER_BUDGET = "over_budget"
    TOO_SLOW = "too_slow"
    QUALITY_UNKNOWN = "quality_unknown"
    QUALITY_TOO_LOW = "quality_too_low"
    RATE_LIMITED = "rate_limited"
    AT_CAPACITY = "at_capacity"
    IN_COOLDOWN = "in_cooldown"
    PROBE_IN_FLIGHT = "probe_in_flight"
    # candidates: why one is in
    ELIGIBLE = "eligible"
    COOLDOWN_OVERRIDDEN = "cooldown_overridden"
    PROBE_PERMITTED = "probe_permitted"
    # strategies
    RANKED = "ranked"
    CHOSEN = "chosen"
    NOT_CHOSEN = "not_chosen"
    SPLIT_ARM = "split_arm"
    TASK_TARGET = "task_target"
    TASK_FALLBACK = "task_fallback"
    PER_REQUEST_UNIT = "per_request_unit"
    COLD_START = "cold_start"
    FALLBACK_ADDED = "fallback_added"
    POOL_EMPTY = "pool_empty"
    NO_CANDIDATE = "no_candidate"
