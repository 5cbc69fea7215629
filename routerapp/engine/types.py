"""The engine's values: what goes into a decision and what comes out. Recorded formats: add fields with defaults, never rename.

Money is integer nano-dollars (_nusd); prices integer nano-dollars per million tokens; instants are integer Unix milliseconds (_ms of UTC).
What is made for each request is a struct, which costs a fifth of a frozen dataclass; what configuration makes once is a dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from routerapp.engine.verdicts import Verdict

ENGINE_VERSION = "1"


class Features(msgspec.Struct, frozen=True, gc=False):
    """Core facts read from one prompt, computed for every request. Counts are of the whole conversation unless said otherwise.

    trained: where a trained task head was in force, what it said and what the transparent signals had said (docs/adr/0021); task,
    task_confidence and complexity are then the outcome of both. Not written where there was none.
    """

    prompt_tokens: int = 0
    tokens_exact: bool = False
    task: str = "unknown"
    task_confidence: float = 0.0
    task_reasons: tuple[str, ...] = ()
    complexity: float = 0.0
    language: str = "unknown"
    has_code: bool = False
    has_math: bool = False
    has_images: bool = False
    wants_tools: bool = False
    wants_json: bool = False
    pii: tuple[str, ...] = ()
    scan_complete: bool = True
    turns: int = 1
    trained: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET


class RequestFacts(msgspec.Struct, frozen=True, gc=False):
    """What a rule may read besides the prompt. user and unit are keyed hashes, never the caller's own strings.

    longest_input_tokens: of a batch of inputs (embeddings), each of which has the context window to itself.
    """

    model: str = "auto"
    user: str | None = None
    key: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    stream: bool = False
    max_tokens: int | None = None
    needs_json_schema: bool = False
    unit: str | None = None
    unit_kind: str = "per_request"
    tenant_unit: str | None = None
    prompt_unit: str | None = None
    endpoint: str = "chat"
    longest_input_tokens: int | None = None


class ModelPrediction(msgspec.Struct, frozen=True, gc=False):
    """What a predictor expects of one language model's answer: quality 0 to 1, its standard error, tokens of the answer (None: unknown)."""

    quality: float
    sd: float = 0.0
    output_tokens: float | None = None


class Predictions(msgspec.Struct, frozen=True, gc=False):
    """What was predicted for one prompt before the decision. predictor: sha256 of the artefact; models: by slug of the language model.

    familiarity: 0 (nothing like it was seen in training) to 1. difficulty: expected quality of the pool's mean. tasks: the likeliest
    task labels with their posterior, at most three. cluster: the nearest one of training; cluster_quality: how each model did there.
    routes: cosine similarity to the nearest example of each semantic route, -1 to 1.
    """

    predictor: str
    models: Mapping[str, ModelPrediction] = {}
    familiarity: float = 1.0
    difficulty: float = 0.0
    tasks: Mapping[str, float] = {}
    cluster: int | None = None
    cluster_quality: Mapping[str, float] = {}
    routes: Mapping[str, float] = {}


class Inputs(msgspec.Struct, frozen=True, gc=False):
    """Everything about one request that decide() may read. observations: leaf_id -> truth of a content leaf.

    request_constraints, only, fallbacks: what the caller's extras narrow to; validated by serving.
    objective: the caller's weights for a rule that ranks by `balanced`; other strategies ignore it.
    predictions: of the predictor in force then; None where no policy asked for them, or none was there.
    """

    features: Features
    facts: RequestFacts
    observations: Mapping[str, bool] = {}
    request_constraints: Mapping[str, Any] = {}
    only: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    objective: Mapping[str, float] = {}
    predictions: Predictions | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars per million tokens, valid from valid_from_ms until the next price of the deployment starts.

    cached_input: of prompt tokens read from a provider's cache; cache_write: of those written to it. None costs what input costs.
    """

    input_nusd_per_mtok: int
    output_nusd_per_mtok: int
    cached_input_nusd_per_mtok: int | None = None
    valid_from_ms: int = 0
    source: str = "manual"
    cache_write_nusd_per_mtok: int | None = None


@dataclass(frozen=True, slots=True)
class LanguageModelFacts:
    slug: str
    name: str
    context_window: int
    max_output_tokens: int | None = None
    has_tools: bool = False
    has_vision: bool = False
    has_json_schema: bool = False
    has_streaming: bool = True
    scores: Mapping[str, float] = field(default_factory=dict)
    modality: str = "chat"


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """One place that serves one model: the thing chosen, cooled down and billed. prices are sorted by valid_from_ms."""

    slug: str
    model: str
    provider: str
    kind: str
    upstream_model: str
    region: str = ""
    residency: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    weight: int = 1
    prices: tuple[Price, ...] = ()
    max_in_flight: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    is_enabled: bool = True
    is_draining: bool = False


@dataclass(frozen=True, slots=True)
class AllowanceFacts:
    """Limits of one team or one end user; None is no limit. Days and months are of UTC.

    is_exact: with several processes, each request asks the shared books, and none is let in by one process alone.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_parallel: int | None = None
    daily_spend_nusd: int | None = None
    monthly_spend_nusd: int | None = None
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """One API key as decisions see it. constraints bind every name the key sends, pins included."""

    slug: str
    team: str = ""
    scopes: tuple[str, ...] = ("chat",)
    constraints: Mapping[str, Any] = field(default_factory=dict)
    default_policy: str | None = None
    requests_per_minute: int | None = None
    daily_spend_nusd: int | None = None
    tokens_per_minute: int | None = None
    max_parallel: int | None = None
    monthly_spend_nusd: int | None = None
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Numbers made by jobs. token_correction: model -> factor on bytes/4; expected_output_tokens: "model|task" or "model|*" or "*|*".

    predictor: sha256 of the artefact in force, empty without one. bandit: "task|model" -> the two parameters of a Beta distribution of
    success. capabilities: "model|dimension" -> posterior mean, 0 to 1. task_head: sha256 of the trained task head in force, or empty.
    """

    revision: str = ""
    token_correction: Mapping[str, float] = field(default_factory=dict)
    expected_output_tokens: Mapping[str, float] = field(default_factory=dict)
    predictor: str = ""
    bandit: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    capabilities: Mapping[str, float] = field(default_factory=dict)
    task_head: str = ""


class LiveDeployment(msgspec.Struct, frozen=True, gc=False):
    """Live values of one deployment at the instant of the decision. breaker: closed, open or half_open."""

    in_flight: int = 0
    ttft_ewma_ms: float | None = None
    ttft_samples: int = 0
    success_ewma: float | None = None
    success_samples: int = 0
    breaker: str = "closed"
    reopens_at_ms: int | None = None
    probes_in_flight: int = 0
    requests_left: int | None = None
    tokens_left: int | None = None


class LastServed(msgspec.Struct, frozen=True, gc=False):
    """Which deployment answered this request's unit last, and how many prompt tokens its cache may hold of it."""

    deployment: str
    prompt_tokens: int = 0
    at_ms: int = 0


class Live(msgspec.Struct, frozen=True, gc=False):
    """Live state read by one decision. round_robin: state key (rule id, or rule id/arm) -> deployment -> smooth weight.

    budget_left_nusd: the least that key, team and user have left. last_served, tenant_last_served: of the request's unit and of its
    tenant, for sticky rules.
    """

    deployments: Mapping[str, LiveDeployment] = {}
    round_robin: Mapping[str, Mapping[str, int]] = {}
    budget_left_nusd: int | None = None
    last_served: LastServed | None = None
    tenant_last_served: LastServed | None = None


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """What one candidate would cost and take; None is unknown."""

    cost_nusd: int | None = None
    ttft_ms: float | None = None
    output_tokens: int | None = None


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A deployment the rule could reach, with its score terms or the reason it is out. probability_kind: exact, numeric, deterministic."""

    deployment: str
    eligible: bool
    verdict: Verdict
    detail: Mapping[str, Any] = {}
    score: float | None = None
    terms: Mapping[str, float] = {}
    probability: float = 0.0
    probability_kind: str = "deterministic"
    estimate: Estimate = Estimate()


class PlanStep(msgspec.Struct, frozen=True, gc=False):
    """role: primary, fallback, hedge or escalation (shadow is reserved). start_when: now, failed_before_first_byte, no_first_token (a
    hedge: limits.hedge_after_ms after the primary was asked) or not_accepted (an escalation: also when what is before it failed).

    accept_if: the checks that its answer has to pass, or the next escalation is asked; not written where there are none.
    """

    deployment: str
    role: str
    start_when: str = "now"
    accept_if: tuple[Mapping[str, Any], ...] | msgspec.UnsetType = msgspec.UNSET


class PlanLimits(msgspec.Struct, frozen=True, gc=False):
    """One deadline and one cost ceiling span the whole plan; retries is per deployment."""

    connect_ms: int = 5_000
    first_token_ms: int = 30_000
    idle_ms: int = 30_000
    total_ms: int = 300_000
    retries: int = 1
    max_cost_nusd: int | None = None
    hedge_after_ms: int | None = None


class Handling(msgspec.Struct, frozen=True, gc=False):
    """What serving does with a routed request besides asking the plan.

    cache_ttl_seconds: answer equal requests from the exact cache for so long; None is off. unsupported: refuse or drop what an upstream
    cannot express. keep_content: off or redacted; content_days: how long kept content stays, None as the installation says.
    """

    cache_ttl_seconds: int | None = None
    unsupported: str = "refuse"
    keep_content: str = "off"
    content_days: int | None = None


class Assignment(msgspec.Struct, frozen=True, gc=False):
    name: str
    arm: str
    unit: str
    probability: float


class TraceStep(msgspec.Struct, frozen=True, gc=False):
    """Why, as data. because never quotes prompt text: only numbers, codes, names from configuration and leaf ids."""

    stage: str
    subject: str
    verdict: Verdict
    because: Mapping[str, Any] = {}


class Decision(msgspec.Struct, frozen=True, gc=False):
    """outcome: routed, rejected or no_candidate. policy_version 0 is a draft. constraints: the merged document every attempt is held to."""

    outcome: str
    policy: str
    policy_version: int
    rule: str
    rule_name: str
    strategy: str
    config: str
    evidence: str
    seed: int
    engine: str
    features: Features
    candidates: tuple[Candidate, ...] = ()
    plan: tuple[PlanStep, ...] = ()
    limits: PlanLimits = PlanLimits()
    constraints: Mapping[str, Any] = {}
    parameters: Mapping[str, Any] = {}
    experiment: Assignment | None = None
    reject_message: str | None = None
    trace: tuple[TraceStep, ...] = ()
    handling: Handling = Handling()


class RoundRobinAdvance(msgspec.Struct, frozen=True, gc=False):
    """Replace the smooth weights under this state key."""

    state_key: str
    weights: Mapping[str, int]


class ProbePermit(msgspec.Struct, frozen=True, gc=False):
    """The primary is a half-open deployment: count one probe in flight until its attempt ends."""

    deployment: str


class InFlight(msgspec.Struct, frozen=True, gc=False):
    """Count one request in flight on the primary until its attempt ends."""

    deployment: str


Effect = RoundRobinAdvance | ProbePermit | InFlight
