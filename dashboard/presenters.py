"""Codes of a decision in words for people. The only place that gives words to verdicts; every verdict has some (tested)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.rule_book import RuleBook
from dashboard.templatetags.numbers import duration, exact_money, moment, plain, plural
from routerapp.engine.types import Candidate, Decision, TraceStep
from routerapp.engine.verdicts import Verdict

V = Verdict

# What happened, as the end of a sentence about a candidate or a rule; facts follow after a colon.
WORDS: Mapping[Verdict, str] = {
    V.NAME_RESOLVED: "The name the caller sent means this policy",
    V.ALIAS_RESOLVED: "The name the caller sent is an alias",
    V.PINNED: "The caller asked for this model by name, so no rule was needed",
    V.SUB_POLICY_ENTERED: "Another policy decides from here",
    V.RULE_MATCHED: "Matched",
    V.RULE_NOT_MATCHED: "Did not match",
    V.RULE_DISABLED: "Switched off",
    V.RULE_UNKNOWN: "Cannot be told: content this rule reads was not kept",
    V.DEFAULT_USED: "No rule matched, so the default was used",
    V.REJECTED_BY_RULE: "Refused by this rule",
    V.DEPLOYMENT_DISABLED: "Switched off",
    V.DRAINING: "Draining: takes no new requests",
    V.EXCLUDED_BY_REQUEST: "Left out by the request",
    V.EXCLUDED_BY_CONSTRAINT: "Left out by a constraint",
    V.KEY_NOT_ALLOWED: "The API key may not use it",
    V.CONTEXT_TOO_SMALL: "Context window too small",
    V.OUTPUT_LIMIT_TOO_SMALL: "Cannot write an answer that long",
    V.MISSING_TOOLS: "Cannot call tools",
    V.MISSING_VISION: "Cannot read images",
    V.MISSING_JSON_SCHEMA: "Cannot follow a JSON schema",
    V.MISSING_STREAMING: "Cannot stream",
    V.WRONG_ENDPOINT: "Serves another endpoint",
    V.PROVIDER_NOT_ALLOWED: "Provider not allowed",
    V.MODEL_NOT_ALLOWED: "Model not allowed",
    V.REGION_NOT_ALLOWED: "Region not allowed",
    V.RESIDENCY_NOT_ALLOWED: "Data may not be kept there",
    V.UNPRICED: "Has no price, so no cost limit can be held",
    V.PRICE_TOO_HIGH: "Price per token over the limit",
    V.COST_TOO_HIGH: "This request would cost too much there",
    V.OVER_BUDGET: "Would go over the budget that is left",
    V.TOO_SLOW: "Slower than allowed",
    V.QUALITY_UNKNOWN: "Quality unknown, and a least quality is asked for",
    V.QUALITY_TOO_LOW: "Quality below the least asked for",
    V.RATE_LIMITED: "Out of requests or tokens for this minute",
    V.AT_CAPACITY: "At its limit of requests in flight",
    V.IN_COOLDOWN: "In cooldown after failures",
    V.PROBE_IN_FLIGHT: "Just out of cooldown: one trial request is under way",
    V.ELIGIBLE: "Eligible",
    V.COOLDOWN_OVERRIDDEN: "In cooldown, but nothing else was left: reopens soonest",
    V.PROBE_PERMITTED: "Just out of cooldown: this is the trial request",
    V.RANKED: "Ranked by the strategy",
    V.CHOSEN: "Chosen",
    V.NOT_CHOSEN: "Eligible, ranked lower",
    V.NOT_REACHED: "Not in reach of the rule that decided",
    V.SPLIT_ARM: "The experiment put this request into an arm",
    V.TASK_TARGET: "The task has its own target",
    V.TASK_FALLBACK: "Task without a target, or not sure enough: the fallback was used",
    V.PER_REQUEST_UNIT: "Nothing to recognise the caller by: drawn anew for each request",
    V.COLD_START: "Too few measurements: taken as a try",
    V.LEAST_BUSY_DRAW: "The less busy of two drawn at random",
    V.EXPLORED: "Explored: another than the first, on purpose",
    V.NOT_EXPLORED_CRITICAL: "Marked critical by the caller: nothing was tried",
    V.NOT_PREDICTED: "No prediction to go by: the safe choice was kept",
    V.UNFAMILIAR_PROMPT: "Unlike the prompts of training, so predictions were not gone by",
    V.GATE_OPENED: "Predicted to be clearly better than the default, so the default was left",
    V.GATE_HELD: "Another scored higher, but not surely enough: the default was kept",
    V.DEFAULT_IS_BEST: "The default is predicted to be best",
    V.DEFAULT_NOT_ELIGIBLE: "The default cannot serve this request: the best score was taken",
    V.WEAK_GOOD_ENOUGH: "The weak model is predicted to be good enough",
    V.WEAK_NOT_GOOD_ENOUGH: "The weak model is predicted to fall short, so the strong one was taken",
    V.ROUTE_MATCHED: "The prompt is close in meaning to this route's examples",
    V.ROUTE_ABSTAINED: "No route is close enough in meaning: the fallback was used",
    V.THOMPSON_DRAW: "Highest draw from what is known of each model's success",
    V.BANDIT_COLD: "Too few graded answers to judge by",
    V.STICKY_KEPT: "Kept where this conversation was answered last",
    V.STICKY_MOVED: "Moved from where this conversation was answered last; its prompt cache there is lost",
    V.STICKY_NEW: "A new conversation: kept here from now on",
    V.FALLBACK_ADDED: "Added as fallback",
    V.HEDGE_ADDED: "Asked as well if no first token has come in time",
    V.ESCALATION_ADDED: "Asked if the answer before it does not pass the checks",
    V.OUTPUT_CAPPED_BY_BUDGET: "Length of the answer capped by what is left of a limit",
    V.CANNOT_EXPRESS: "Cannot express part of the request",
    V.POOL_EMPTY: "Nothing in the pool could serve this request",
    V.NO_CANDIDATE: "No candidate was left",
}

WORDS_BY_CODE = {verdict.value: words for verdict, words in WORDS.items()}
GOOD = {V.RULE_MATCHED, V.ELIGIBLE, V.CHOSEN, V.PROBE_PERMITTED, V.NAME_RESOLVED, V.ALIAS_RESOLVED, V.PINNED}
# Said in the panel of what was predicted.
PREDICTED = {"predicted_quality", "quality_low", "quality_high", "gain", "held_by"}
GATE = {V.GATE_HELD, V.NOT_PREDICTED, V.UNFAMILIAR_PROMPT}
ABOUT_A_CONDITION = {V.RULE_MATCHED, V.RULE_NOT_MATCHED, V.RULE_UNKNOWN, V.RULE_DISABLED, V.REJECTED_BY_RULE}
BAD = {V.REJECTED_BY_RULE, V.NO_CANDIDATE, V.POOL_EMPTY}
FACT_WORDS = {"max": "at most", "min": "at least", "ttft": "first token"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace."""

    stage: str
    subject: str
    words: str
    facts: str
    tone: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Term:
    """width and offset are percent of the bar."""

    name: str
    value: float
    width: float
    offset: float
    series: int


@dataclass(frozen=True, slots=True)
class CandidateLine:
    deployment: str
    is_eligible: bool
    is_chosen: bool
    role: str
    words: str
    facts: str
    verdict: str
    score: float | None
    terms: tuple[Term, ...]
    is_sum: bool
    cost_nusd: int | None
    ttft_ms: float | None
    probability: float
    probability_kind: str


def words_for(verdict: Verdict) -> str:
    return WORDS[verdict]


def trace_lines(decision: Decision, book: RuleBook) -> list[Step]:
    """book: the rules as they stood then. After a sub-policy is entered, rule ids are its own."""
    policy, lines = decision.policy, []
    for step in decision.trace:
        if step.verdict == V.SUB_POLICY_ENTERED:
            policy = step.subject.partition("@")[0]
        lines.append(_step(step, policy, book, decision.strategy))
    return lines


def candidate_lines(decision: Decision) -> list[CandidateLine]:
    """The plan's order first, then other eligible ones by score, then those that are out."""
    places = {step.deployment: place for place, step in reversed(list(enumerate(decision.plan)))}
    roles = {step.deployment: step.role for step in reversed(decision.plan)}

    def order(candidate: Candidate) -> tuple[Any, ...]:
        place = places.get(candidate.deployment, len(places))
        return (place, not candidate.eligible, -(candidate.score or 0), candidate.deployment)

    return [_candidate(one, roles.get(one.deployment, "")) for one in sorted(decision.candidates, key=order)]


def headline(decision: Decision, answered_by: str = "") -> str:
    """The whole decision in two or three sentences. answered_by: the deployment of the final outcome."""
    has_rule = decision.rule not in ("", "default")
    place = f"rule “{decision.rule_name or decision.rule}”" if has_rule else "the default"
    where = (
        f"{place} of policy {decision.policy}, version {decision.policy_version}"
        if decision.policy
        else "the name it sent"
    )
    if decision.policy and not decision.policy_version:
        where = f"{place} of a draft of {decision.policy}"
    if decision.outcome == "rejected":
        return f"Refused by {where}."
    eligible = sum(one.eligible for one in decision.candidates)
    total = len(decision.candidates)
    if decision.outcome == "no_candidate":
        if not total:
            return f"Decided by {where}: there is no model to choose from yet. Add a provider and choose its models."
        return f"Decided by {where}: none of {plural(total, 'candidate,candidates')} was eligible."
    primary = decision.plan[0].deployment if decision.plan else "nothing"
    how = f"ranked first by “{decision.strategy}”" if decision.strategy else "first in line"
    verdicts = {one.deployment: one.verdict for one in decision.candidates}
    if verdicts.get(primary) == V.COLD_START:
        how = f"taken as a try by “{decision.strategy}”, with too few measurements to rank it,"
    how = _reordered(decision) or how
    said = f"Decided by {where}. {primary} was {how} among {eligible} eligible of {total} candidates."
    if answered_by and answered_by != primary:
        why = "Its answer was not taken" if decision.strategy == "cascade" else "It failed"
        said += f" {why}, so {answered_by} took over."
    return said


def _reordered(decision: Decision) -> str:
    """How the first came to be first where it was not the strategy's ranking; empty where it was."""
    steps = {step.verdict: step for step in decision.trace}
    if V.STICKY_KEPT in steps:
        return "kept, since it answered last time,"
    if V.EXPLORED in steps:
        return f"tried on purpose instead of {steps[V.EXPLORED].because.get('instead_of')}"
    placed = steps.get(V.STICKY_NEW) or steps.get(V.STICKY_MOVED)
    if placed is not None and placed.because.get("by") == "hash":
        return "given by the hash of the conversation"
    if decision.strategy == "learned" and GATE & steps.keys():
        return "kept as the default"
    return "the less busy of two drawn at random" if V.LEAST_BUSY_DRAW in steps else ""


def facts_in_words(facts: Mapping[str, Any]) -> str:
    """needs 9,000 · has 8,192. Only flat values; what is nested has its own place on the page."""
    measured = next((key for key in facts if key.endswith(("_ms", "_nusd", "_nusd_per_mtok"))), "")
    said = []
    for key, value in facts.items():
        if _is_flat(value):
            # "allowed" is in the unit of what it limits.
            said.append(f"{_name(key)} {_value(measured if key == 'allowed' and measured else key, value)}")
    return " · ".join(said)


def _step(step: TraceStep, policy: str, book: RuleBook, strategy: str) -> Step:
    # What was predicted has a panel of its own, which says all of it.
    subject, facts = step.subject, "" if "predictor" in step.because else facts_in_words(step.because)
    if step.verdict == V.CHOSEN and "over" in step.because:
        facts = _lead(step.because, strategy)
    if step.stage == "rule" and step.verdict in ABOUT_A_CONDITION:
        subject = book.name(policy, step.subject)
        facts = book.reason(policy, step.subject, str(step.because.get("at", ""))) or facts
    if step.verdict == V.POOL_EMPTY:
        subject = book.name(policy, step.subject)
    tone = "ok" if step.verdict in GOOD else "bad" if step.verdict in BAD else ""
    stage = step.stage.replace("_", " ").capitalize()
    return Step(stage, subject, WORDS[step.verdict], facts, tone, step.verdict.value)


def _lead(because: Mapping[str, Any], strategy: str) -> str:
    """ahead of x by $0.0000231: the margin in what the strategy compares, and none where nothing lies between."""
    words, margin = f"ahead of {because['over']}", because.get("margin")
    if not margin or margin < 0 or strategy in ("round_robin", "least_busy", "cascade"):
        return words
    if strategy == "cheapest":
        return f"{words} by {exact_money(round(margin))} of estimated cost"
    if strategy == "fastest":
        return f"{words} by {duration(margin)} to the first token"
    return f"{words} by {plain(margin)} of score"


def _candidate(candidate: Candidate, role: str) -> CandidateLine:
    verdict = candidate.verdict
    words = WORDS[verdict] if not candidate.eligible or not role else {"primary": "Chosen"}.get(role, role.capitalize())
    if candidate.eligible and not role and verdict in (V.ELIGIBLE, V.CHOSEN):
        words = "Eligible"
    terms, is_sum = _terms(candidate)
    return CandidateLine(
        deployment=candidate.deployment,
        is_eligible=candidate.eligible,
        is_chosen=role == "primary",
        role=role,
        words=words,
        facts=facts_in_words({key: value for key, value in candidate.detail.items() if key not in PREDICTED}),
        verdict=verdict.value,
        # Without terms it repeats the estimate, negated: cheapest and fastest.
        score=candidate.score if terms else None,
        terms=terms,
        is_sum=is_sum,
        cost_nusd=candidate.estimate.cost_nusd,
        ttft_ms=candidate.estimate.ttft_ms,
        probability=candidate.probability,
        probability_kind=candidate.probability_kind,
    )


def _terms(candidate: Candidate) -> tuple[tuple[Term, ...], bool]:
    """(terms, whether a stacked bar can be drawn): only where they are parts of the score, none negative, and their sum is it."""
    values = candidate.terms
    total = sum(values.values())
    is_sum = bool(values) and candidate.score is not None and abs(total - candidate.score) < 1e-6
    is_drawn = is_sum and min(values.values()) >= 0
    scale = 100 / max(total, 1.0)
    terms, offset = [], 0.0
    for series, (name, value) in enumerate(values.items(), start=1):
        width = value * scale if is_drawn else 0.0
        terms.append(Term(name.replace("_", " "), value, round(width, 3), round(offset, 3), (series - 1) % 8 + 1))
        offset += width
    return tuple(terms), is_drawn


def _name(key: str) -> str:
    for unit in ("_nusd_per_mtok", "_nusd", "_usd", "_ms", "_tokens"):
        key = key.removesuffix(unit)
    return " ".join(FACT_WORDS.get(part, part) for part in key.split("_"))


def _value(key: str, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if key == "predictor" and isinstance(value, str):
        return value[:12]
    if key == "because" and value in WORDS_BY_CODE:
        return WORDS_BY_CODE[value].lower()
    if isinstance(value, int) and is_number and key.endswith("_at_ms"):
        return f"{moment(value)} UTC"
    if is_number and key.endswith("_ms"):
        return duration(value)
    if isinstance(value, int) and key.endswith("_nusd_per_mtok"):
        return f"{exact_money(value)} per million tokens"
    if isinstance(value, int) and is_number and key.endswith("_nusd"):
        return exact_money(value)
    if isinstance(value, int) and is_number and key.endswith("_tokens"):
        return f"{plain(value)} tokens"
    return plain(value)


def _is_flat(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(not isinstance(item, Mapping | list | tuple) for item in value)
    return not isinstance(value, Mapping)
