"""What happened: requests, attempts, inputs, traces, bodies, feedback and their rollups.

Names and ids as recorded, no foreign keys to configuration. Only the drainer writes here. Money is integer nano-dollars; null is unknown.
"""

from django.db import models


class Origin(models.TextChoices):
    LIVE = "live", "Live"
    PLAYGROUND = "playground", "Playground"
    SAMPLE = "sample", "Sample data"
    PROBE = "probe", "Health probe"
    SHADOW = "shadow", "Shadow"
    CALIBRATE = "calibrate", "Calibration"


class Status(models.TextChoices):
    OK = "ok", "OK"
    UPSTREAM_ERROR = "upstream_error", "Upstream error"
    TIMEOUT = "timeout", "Timeout"
    INTERRUPTED = "interrupted", "Interrupted"
    CANCELLED = "cancelled", "Cancelled"
    REFUSED_POLICY = "refused_policy", "Refused by policy"
    REFUSED_LIMIT = "refused_limit", "Refused by limit"
    REFUSED_BUDGET = "refused_budget", "Refused by budget"
    NO_CANDIDATE = "no_candidate", "No candidate"
    INVALID = "invalid", "Invalid"


# All that store/experiment_counts.py reads, in the order it groups: it never touches the rows themselves.
COUNTED_PER_ARM = ["experiment", "origin", "arm", "unit", "at_ms"]
COUNTED_PER_ARM += ["status", "attempts", "cache", "cost_nusd", "latency_ms", "id"]


class RoutedRequest(models.Model):
    """One row per request, narrow, without JSON. id is the decision id (UUIDv7 text, so it sorts by time).

    unit: first 16 digits of the hash an experiment drew by. cache: hit, miss or empty (off). saved_nusd: what a cache hit would have cost. lost_cache_tokens: prompt tokens that a move of a
    sticky unit left behind. warnings: comma-separated codes of what was dropped or capped.
    """

    id = models.CharField(primary_key=True, max_length=36)
    at_ms = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=Origin)
    status = models.CharField(max_length=16, choices=Status)
    key = models.CharField(max_length=60, blank=True)
    team = models.CharField(max_length=60, blank=True)
    user_hash = models.CharField(max_length=64, blank=True)
    requested_model = models.CharField(max_length=200)
    policy = models.CharField(max_length=60, blank=True)
    policy_version = models.IntegerField(default=0)
    rule = models.CharField(max_length=40, blank=True)
    rule_name = models.CharField(max_length=100, blank=True)
    strategy = models.CharField(max_length=30, blank=True)
    deployment = models.CharField(max_length=100, blank=True)
    language_model = models.CharField(max_length=100, blank=True)
    provider = models.CharField(max_length=60, blank=True)
    experiment = models.CharField(max_length=60, blank=True)
    arm = models.CharField(max_length=60, blank=True)
    unit = models.CharField(max_length=16, blank=True)
    task = models.CharField(max_length=20, blank=True)
    language = models.CharField(max_length=10, blank=True)
    is_streaming = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    http_status = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    prompt_tokens_estimate = models.IntegerField(default=0)
    input_tokens = models.IntegerField(null=True)
    output_tokens = models.IntegerField(null=True)
    cached_tokens = models.IntegerField(null=True)
    is_usage_estimated = models.BooleanField(default=False)
    cost_nusd = models.BigIntegerField(null=True)
    baseline_cost_nusd = models.BigIntegerField(null=True)
    ttft_ms = models.IntegerField(null=True)
    latency_ms = models.IntegerField(null=True)
    overhead_us = models.IntegerField(null=True)
    endpoint = models.CharField(max_length=12, default="chat")
    dialect = models.CharField(max_length=12, default="openai")
    cache = models.CharField(max_length=8, blank=True)
    saved_nusd = models.BigIntegerField(null=True)
    lost_cache_tokens = models.IntegerField(null=True)
    warnings = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "routed_request"
        indexes = [
            models.Index(fields=["-at_ms", "-id"], name="request_newest"),
            models.Index(fields=["status", "-at_ms"], name="request_status"),
            models.Index(fields=["language_model", "-at_ms"], name="request_model"),
            models.Index(fields=["policy", "-at_ms"], name="request_policy"),
            models.Index(fields=["rule", "-at_ms"], name="request_rule"),
            models.Index(fields=["key", "-at_ms"], name="request_key"),
            models.Index(fields=["team", "-at_ms"], name="request_team"),
            models.Index(fields=["task", "-at_ms"], name="request_task"),
            models.Index(fields=["-cost_nusd"], name="request_dearest"),
            # What most rows are is not in these two: store/request_search.py reads it in order of time.
            models.Index(fields=["origin", "-at_ms"], condition=~models.Q(origin="live"), name="request_origin"),
            models.Index(fields=["cache", "-at_ms"], condition=~models.Q(cache=""), name="request_cache"),
            # Requests outside experiments are not in it.
            models.Index(
                fields=COUNTED_PER_ARM,
                condition=~models.Q(experiment=""),
                name="request_by_arm",
            ),
        ]


class AttemptRow(models.Model):
    """One upstream call. error_class is empty on success. cost_nusd null is unpriced."""

    id = models.CharField(primary_key=True, max_length=44)
    request_id = models.CharField(max_length=36, db_index=True)
    number = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=12)
    retry = models.PositiveSmallIntegerField(default=0)
    at_ms = models.BigIntegerField()
    deployment = models.CharField(max_length=100)
    language_model = models.CharField(max_length=100)
    provider = models.CharField(max_length=60)
    status = models.CharField(max_length=16, choices=Status)
    error_class = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    http_status = models.PositiveSmallIntegerField(default=0)
    connect_ms = models.IntegerField(null=True)
    ttft_ms = models.IntegerField(null=True)
    latency_ms = models.IntegerField()
    input_tokens = models.IntegerField(null=True)
    output_tokens = models.IntegerField(null=True)
    cached_tokens = models.IntegerField(null=True)
    is_usage_estimated = models.BooleanField(default=False)
    input_nusd_per_mtok = models.BigIntegerField(null=True)
    output_nusd_per_mtok = models.BigIntegerField(null=True)
    cached_input_nusd_per_mtok = models.BigIntegerField(null=True)
    cache_write_tokens = models.IntegerField(null=True)
    cache_write_nusd_per_mtok = models.BigIntegerField(null=True)
    price_source = models.CharField(max_length=100, blank=True)
    cost_nusd = models.BigIntegerField(null=True)
    finish_reason = models.CharField(max_length=30, blank=True)
    upstream_id = models.CharField(max_length=100, blank=True)
    warnings = models.CharField(max_length=300, blank=True)

    class Meta:
        db_table = "attempt"


class DecisionInputs(models.Model):
    """What decide() was given: zlib of canonical JSON {inputs, live}; with seed, config and evidence it replays to the byte."""

    request_id = models.CharField(primary_key=True, max_length=36)
    at_ms = models.BigIntegerField(db_index=True)
    config_revision = models.CharField(max_length=64, db_index=True)
    evidence_revision = models.CharField(max_length=64, blank=True)
    seed = models.CharField(max_length=16)
    engine_version = models.CharField(max_length=10)
    policy = models.CharField(max_length=60)
    policy_version = models.IntegerField()
    document = models.BinaryField()

    class Meta:
        db_table = "decision_inputs"
        # Retention asks of each revision whether it is still in use.
        indexes = [models.Index(fields=["evidence_revision"], name="inputs_evidence")]


class DecisionTrace(models.Model):
    """zlib of the canonical Decision."""

    request_id = models.CharField(primary_key=True, max_length=36)
    at_ms = models.BigIntegerField(db_index=True)
    document = models.BinaryField()

    class Meta:
        db_table = "decision_trace"


class Body(models.Model):
    """Content, off by default: zlib of the redacted request and answer. expires_at_ms: as its policy says, null as the installation."""

    request_id = models.CharField(primary_key=True, max_length=36)
    at_ms = models.BigIntegerField(db_index=True)
    expires_at_ms = models.BigIntegerField(null=True, db_index=True)
    chat = models.BinaryField(null=True)
    answer = models.BinaryField(null=True)

    class Meta:
        db_table = "body"


class FeedbackKind(models.TextChoices):
    RATING = "rating", "Rating"
    BOOLEAN = "boolean", "Good or bad"
    LABEL = "label", "Label"
    COMMENT = "comment", "Comment"


class Feedback(models.Model):
    id = models.CharField(primary_key=True, max_length=36)
    request_id = models.CharField(max_length=36, db_index=True)
    at_ms = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=FeedbackKind)
    value = models.FloatField(null=True)
    label = models.CharField(max_length=60, blank=True)
    comment = models.CharField(max_length=2000, blank=True)
    source = models.CharField(max_length=60)

    class Meta:
        db_table = "feedback"


class Granularity(models.TextChoices):
    MINUTE = "minute", "Minute"
    HOUR = "hour", "Hour"
    DAY = "day", "Day"


class AttemptRollup(models.Model):
    """Sums over attempts that share every dimension. id is a 63-bit hash of the dimensions; sketches are as store/sketches.py packs them."""

    id = models.BigIntegerField(primary_key=True)
    granularity = models.CharField(max_length=6, choices=Granularity)
    starts_at_ms = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=Origin)
    deployment = models.CharField(max_length=100)
    language_model = models.CharField(max_length=100)
    provider = models.CharField(max_length=60)
    status = models.CharField(max_length=16)
    error_class = models.CharField(max_length=40, blank=True)
    n = models.BigIntegerField()
    unpriced_n = models.BigIntegerField()
    estimated_n = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_nusd = models.BigIntegerField()
    latency_sketch = models.BinaryField(default=b"")
    ttft_sketch = models.BinaryField(default=b"")

    class Meta:
        db_table = "attempt_rollup"
        indexes = [models.Index(fields=["granularity", "starts_at_ms", "origin"], name="attempt_rollup_time")]


class RequestRollup(models.Model):
    """Sums over requests that share every dimension; what users saw."""

    id = models.BigIntegerField(primary_key=True)
    granularity = models.CharField(max_length=6, choices=Granularity)
    starts_at_ms = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=Origin)
    policy = models.CharField(max_length=60)
    policy_version = models.IntegerField()
    rule = models.CharField(max_length=40)
    key = models.CharField(max_length=60)
    team = models.CharField(max_length=60)
    task = models.CharField(max_length=20)
    language_model = models.CharField(max_length=100)
    status = models.CharField(max_length=16)
    n = models.BigIntegerField()
    unpriced_n = models.BigIntegerField()
    estimated_n = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_nusd = models.BigIntegerField()
    baseline_n = models.BigIntegerField()
    baseline_cost_nusd = models.BigIntegerField()
    baseline_actual_nusd = models.BigIntegerField()
    cache_hit_n = models.BigIntegerField(default=0)
    saved_nusd = models.BigIntegerField(default=0)
    moved_n = models.BigIntegerField(default=0)
    lost_cache_tokens = models.BigIntegerField(default=0)
    latency_sketch = models.BinaryField(default=b"")
    ttft_sketch = models.BinaryField(default=b"")

    class Meta:
        db_table = "request_rollup"
        indexes = [models.Index(fields=["granularity", "starts_at_ms", "origin"], name="request_rollup_time")]


class RuleRollup(models.Model):
    """The sums of RequestRollup by policy, version and rule only: which rules decide, whatever the number of keys, teams and tasks."""

    id = models.BigIntegerField(primary_key=True)
    granularity = models.CharField(max_length=6, choices=Granularity)
    starts_at_ms = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=Origin)
    policy = models.CharField(max_length=60)
    policy_version = models.IntegerField()
    rule = models.CharField(max_length=40)
    status = models.CharField(max_length=16)
    n = models.BigIntegerField()
    unpriced_n = models.BigIntegerField()
    estimated_n = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_nusd = models.BigIntegerField()
    baseline_n = models.BigIntegerField()
    baseline_cost_nusd = models.BigIntegerField()
    baseline_actual_nusd = models.BigIntegerField()
    cache_hit_n = models.BigIntegerField()
    saved_nusd = models.BigIntegerField()
    moved_n = models.BigIntegerField()
    lost_cache_tokens = models.BigIntegerField()

    class Meta:
        db_table = "rule_rollup"
        indexes = [models.Index(fields=["granularity", "starts_at_ms", "origin"], name="rule_rollup_time")]


class TotalRollup(models.Model):
    """The sums of RequestRollup by status only, with their sketches: a period of the overview is a handful of rows."""

    id = models.BigIntegerField(primary_key=True)
    granularity = models.CharField(max_length=6, choices=Granularity)
    starts_at_ms = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=Origin)
    status = models.CharField(max_length=16)
    n = models.BigIntegerField()
    unpriced_n = models.BigIntegerField()
    estimated_n = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost_nusd = models.BigIntegerField()
    baseline_n = models.BigIntegerField()
    baseline_cost_nusd = models.BigIntegerField()
    baseline_actual_nusd = models.BigIntegerField()
    cache_hit_n = models.BigIntegerField()
    saved_nusd = models.BigIntegerField()
    moved_n = models.BigIntegerField()
    lost_cache_tokens = models.BigIntegerField()
    latency_sketch = models.BinaryField(default=b"")
    ttft_sketch = models.BinaryField(default=b"")

    class Meta:
        db_table = "total_rollup"
        indexes = [models.Index(fields=["granularity", "starts_at_ms", "origin"], name="total_rollup_time")]


class RollupHorizon(models.Model):
    """Rollups of this granularity are there from kept_from_ms on, a start of the next coarser period; without a row, all are."""

    granularity = models.CharField(primary_key=True, max_length=6, choices=Granularity)
    kept_from_ms = models.BigIntegerField()

    class Meta:
        db_table = "rollup_horizon"


class SpoolOffset(models.Model):
    """How far the drainer has taken each spool; moved in the transaction that writes the rows."""

    spool = models.CharField(primary_key=True, max_length=80)
    segment = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "spool_offset"
