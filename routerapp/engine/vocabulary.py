"""Every field, operator and strategy a policy can use: the one table that the parser, the editor's forms and the documentation read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routerapp.engine.pii import KINDS as PII_KINDS
from routerapp.engine.task_words import TASKS

NUMBER_OPERATORS = ("eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "between", "exists")
TEXT_OPERATORS = ("eq", "ne", "in", "not_in", "contains", "contains_any", "matches", "starts_with", "exists")
CHOICE_OPERATORS = ("eq", "ne", "in", "not_in", "exists")
SET_OPERATORS = ("contains", "intersects", "exists")
BOOL_OPERATORS = ("eq", "ne")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ENDPOINTS = ("chat", "embeddings")


@dataclass(frozen=True, slots=True)
class Field:
    """kind: number, text, bool, set or choice. Closed choices are checked; a family field is followed by a name (metadata.team)."""

    name: str
    kind: str
    help: str
    operators: tuple[str, ...]
    choices: tuple[str, ...] = ()
    unit: str = ""
    is_content: bool = False
    is_family: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """value: what stands beside it: one, list, pair, pattern, words or flag."""

    name: str
    value: str
    help: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """kind: weights, references, reference, targets, number, flag, choice, ranges, arms, routes, target, solved or text."""

    name: str
    kind: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Strategy:
    kind: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    probability: str = "deterministic"


def _number(name: str, words: str, unit: str = "") -> Field:
    return Field(name, "number", words, NUMBER_OPERATORS, unit=unit)


def _flag(name: str, words: str) -> Field:
    return Field(name, "bool", words, BOOL_OPERATORS)


def _content(name: str, words: str) -> Field:
    return Field(name, "text", words, TEXT_OPERATORS, is_content=True)


FIELDS = (
    Field("task", "choice", "What the prompt asks for", CHOICE_OPERATORS, (*TASKS, "unknown")),
    _number("task_confidence", "How sure the task class is, 0 to 1"),
    _number("complexity", "How hard the prompt looks, 0 to 1"),
    _number("prompt_tokens", "Estimated length of the whole conversation", "tokens"),
    _number("turns", "User messages in the conversation"),
    Field("language", "text", "Language code of the prompt, such as en or de", CHOICE_OPERATORS),
    _flag("has_code", "The conversation contains code"),
    _flag("has_math", "The conversation contains mathematics"),
    _flag("has_images", "The conversation contains images"),
    _flag("wants_tools", "The request offers tools"),
    _flag("wants_json", "The request asks for JSON"),
    Field(
        "pii", "set", "Kinds of personal data found; matches when the scan could not finish", SET_OPERATORS, PII_KINDS
    ),
    _flag("scan_complete", "The scan for personal data reached the end"),
    _flag("tokens_exact", "The prompt length was counted, not estimated"),
    _content("text", "The last user message"),
    _content("conversation", "All text sent upstream, tool arguments and results included"),
    _content("system", "System and developer messages"),
    Field("model", "text", "The model name the caller sent", TEXT_OPERATORS),
    Field("user", "text", "Keyed hash of the caller's user", CHOICE_OPERATORS),
    Field("key", "text", "Slug of the API key", TEXT_OPERATORS),
    Field("team", "text", "Team of the API key", TEXT_OPERATORS),
    Field("tags", "set", "Tags sent with the request", SET_OPERATORS),
    Field(
        "metadata", "text", "A metadata value sent with the request", TEXT_OPERATORS, is_content=True, is_family=True
    ),
    Field("header", "text", "An allowed request header", TEXT_OPERATORS, is_content=True, is_family=True),
    _number("hour", "Hour of the day in the policy's time zone", "0 to 23"),
    Field("weekday", "choice", "Day of the week in the policy's time zone", CHOICE_OPERATORS, WEEKDAYS),
    _flag("stream", "The answer is streamed"),
    Field("endpoint", "choice", "What is asked for: a chat or embeddings", CHOICE_OPERATORS, ENDPOINTS),
    _number("max_tokens", "The longest answer the caller allows", "tokens"),
)

OPERATORS = (
    Operator("eq", "one", "is"),
    Operator("ne", "one", "is not"),
    Operator("in", "list", "is one of"),
    Operator("not_in", "list", "is none of"),
    Operator("gt", "one", "is more than"),
    Operator("gte", "one", "is at least"),
    Operator("lt", "one", "is less than"),
    Operator("lte", "one", "is at most"),
    Operator("between", "pair", "is between, ends included"),
    Operator("contains", "one", "contains; upper and lower case are the same"),
    Operator("contains_any", "words", "contains any of these whole words; upper and lower case are the same"),
    Operator("matches", "pattern", "matches this RE2 pattern, up to 512 characters"),
    Operator("intersects", "list", "has any of"),
    Operator("exists", "flag", "is present (true) or absent (false)"),
    Operator("starts_with", "one", "starts with; upper and lower case are the same"),
)

_WEIGHTS = Parameter(
    "weights", "weights", "deployment or model → share; members not named get none. Absent: weights of the catalogue"
)

_COLD_START = (
    Parameter("explore_below_samples", "number", "Fewer samples than this count as too few to judge", 5),
    Parameter("explore_share", "number", "Share of requests that try deployments with too few samples", 0.1),
)

_MIN_FAMILIARITY = Parameter(
    "min_familiarity", "number", "How much a prompt must be like those of training to go by predictions, 0 to 1", 0.1
)

STRATEGIES = (
    Strategy("ordered", "In the order the pool is written"),
    Strategy("round_robin", "In turn, by weight (smooth weighted round robin)", (_WEIGHTS,)),
    Strategy("weighted", "At random, by weight", (_WEIGHTS,), "exact"),
    Strategy(
        "least_busy",
        "The less busy of two drawn by weight: requests in flight per capacity",
        (_WEIGHTS,),
        "exact",
    ),
    Strategy("headroom", "By the free share of the deployment's requests and tokens per minute"),
    Strategy("fastest", "By measured time to first token", _COLD_START, "exact"),
    Strategy(
        "most_reliable",
        "By the share of calls that succeeded, at the lower end of its 95 % interval",
        _COLD_START,
        "exact",
    ),
    Strategy("cheapest", "By the estimated cost of this request"),
    Strategy(
        "balanced",
        "By a weighted sum of quality, cost, latency and reliability",
        (
            Parameter(
                "weights",
                "weights",
                "Importance of each term",
                {"quality": 0.5, "cost": 0.3, "latency": 0.2},
                ("quality", "cost", "latency", "reliability"),
            ),
            Parameter(
                "ranges",
                "ranges",
                "Fixed ends of the logarithmic scales: best, worst",
                {"cost_usd": [0.00001, 0.1], "ttft_ms": [100, 10_000]},
                ("cost_usd", "ttft_ms"),
            ),
        ),
    ),
    Strategy(
        "capability",
        "By weighted capability scores of the model",
        (Parameter("weights", "weights", "Importance of each dimension", is_required=True),),
    ),
    Strategy(
        "contextual",
        "By the target of the prompt's task",
        (
            Parameter("targets", "targets", "task → references, best first", is_required=True),
            Parameter("min_confidence", "number", "Below this confidence the fallback is used", 0.0),
            Parameter("fallback", "references", "References for other or unsure tasks", ()),
        ),
    ),
    Strategy(
        "consistent_hash",
        "The same unit always goes to the same deployment",
        (
            Parameter("on", "choice", "What is hashed", "unit", ("unit", "tenant", "prompt")),
            _WEIGHTS,
        ),
    ),
    Strategy(
        "cascade",
        "Cheap first; the next one where the answer does not pass the checks",
        (
            Parameter(
                "accept_if",
                "checks",
                "One a line, an answer passes all: complete · not_refused · schema · min_characters 40 · matches pattern · "
                "not_matches pattern · log_probability -0.7 · agrees 3 0.6 · judge deployment:slug 0.7",
                is_required=True,
            ),
            Parameter(
                "order", "choice", "Cheapest first, or as the pool is written", "cheapest", ("cheapest", "written")
            ),
            Parameter("most_steps", "number", "How many models are asked at most", 3),
        ),
    ),
    Strategy(
        "semantic",
        "By the route whose examples are nearest in meaning",
        (
            Parameter("routes", "routes", "name, targets, examples and threshold of each route", is_required=True),
            Parameter("fallback", "references", "References where no route is near enough", ()),
        ),
    ),
    Strategy(
        "threshold",
        "The weak model where it is predicted to be good enough, else the strong one",
        (
            Parameter("strong", "reference", "The model that is good enough for anything", is_required=True),
            Parameter("weak", "reference", "The cheaper model", is_required=True),
            Parameter("threshold", "number", "Least predicted quality for the weak model", 0.7),
            Parameter(
                "on",
                "choice",
                "What is held against it: the weak model's quality, or the share it reaches of the strong one's",
                "weak",
                ("weak", "relative"),
            ),
            _MIN_FAMILIARITY,
            Parameter(
                "target", "target", "A wish in plain units, solved on recent traffic", choices=("max_share_dear",)
            ),
            Parameter(
                "solved",
                "solved",
                "The threshold found for the wish; goes before the one above",
                choices=("threshold",),
            ),
        ),
    ),
    Strategy(
        "learned",
        "By predicted quality less what the request costs; leaves the default only for a sure gain",
        (
            Parameter(
                "default", "reference", "The model that is kept unless another is clearly better", is_required=True
            ),
            Parameter("cost_quality", "number", "0: quality only; 1: the cheapest that is about as good", 0.0),
            Parameter(
                "margin",
                "number",
                "Gain that another model must exceed, more where the kind of prompt is not clear",
                0.03,
            ),
            Parameter("max_loss", "number", "Predicted quality that a cheaper model may be below the default's", 0.05),
            _MIN_FAMILIARITY,
            Parameter("cautious", "flag", "The gain must exceed its own standard error too", False),
            Parameter(
                "target",
                "target",
                "A wish in plain units, solved on recent traffic",
                choices=("equal", "share_of_best", "max_share_dear", "max_usd_per_1000"),
            ),
            Parameter("solved", "solved", "λ found for the wish; goes before the knob", choices=("lambda",)),
        ),
    ),
    Strategy(
        "bandit",
        "By a draw from what is known of each model's success at the task (Thompson sampling)",
        (
            Parameter(
                "explore_below_answers", "number", "Fewer graded answers than this count as too few to judge", 20
            ),
            Parameter("explore_share", "number", "Share of requests that try models with too few graded answers", 0.05),
        ),
        "numeric",
    ),
    Strategy(
        "split",
        "Arms of an experiment, by a stable hash of the unit",
        (
            Parameter("experiment", "text", "Slug of the experiment; it is the salt of the hash", is_required=True),
            Parameter(
                "by",
                "choice",
                "What draws the arm: the conversation, session or user; the key's team; or each request",
                "unit",
                ("unit", "tenant", "request"),
            ),
            Parameter("arms", "arms", "name, weight and what the arm uses", is_required=True),
        ),
        "exact",
    ),
)

FIELD_BY_NAME = {field.name: field for field in FIELDS}
OPERATOR_BY_NAME = {operator.name: operator for operator in OPERATORS}
STRATEGY_BY_KIND = {strategy.kind: strategy for strategy in STRATEGIES}


def field_of(name: str) -> Field | None:
    """The field a condition names, or None; metadata.team and header.x-app belong to their families."""
    family, dot, rest = name.partition(".")
    field = FIELD_BY_NAME.get(family)
    if field is None or field.is_family != bool(dot and rest):
        return None
    return field
