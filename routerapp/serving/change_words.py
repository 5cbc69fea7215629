"""A change that would choose another deployment, as one sentence a person can act on; and what was checked. Never quotes a prompt.

Slugs and names in it are people's: escape them where the sentence is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from routerapp.engine.explain import Change, Explanation
from routerapp.engine.money import format_usd
from routerapp.serving.change_places import place_words

_ABILITIES = {
    "has_tools": "can call tools",
    "has_vision": "can read images",
    "has_json_schema": "can follow a JSON schema",
    "has_streaming": "can stream",
}
_NUMBERS = {
    "weight": "weight",
    "max_in_flight": "limit of requests in flight",
    "requests_per_minute": "limit of requests per minute",
    "tokens_per_minute": "limit of tokens per minute",
    "context_window": "context window",
    "max_output_tokens": "longest answer",
}
_LIMITS = {
    "max_cost_usd": "highest estimated cost",
    "max_input_usd_per_mtok": "highest input price",
    "max_output_usd_per_mtok": "highest output price",
    "max_ttft_ms": "longest expected first token",
    "min_quality": "least quality",
}
_LISTS = {
    "regions": "allowed regions",
    "providers": "allowed providers",
    "models": "allowed models",
    "deployments": "allowed deployments",
    "residency": "allowed residency tags",
}
_PARAMETERS = {
    "share": "share of requests that explore",
    "explore_share": "share of tries with too few measurements",
    "explore_below_samples": "number of measurements that count as enough",
    "min_confidence": "least confidence in the task",
    "cost_quality": "knob between quality and cost",
    "margin": "margin of the gate",
    "max_loss": "quality that a cheaper model may cost",
    "min_familiarity": "least familiarity of the prompt",
    "threshold": "threshold of the weak model",
    "explore_below_answers": "number of graded answers that count as enough",
    "most_steps": "number of models asked at most",
}
_WISHES = {
    "wants_tools": "Ask without tools.",
    "has_images": "Ask without images.",
    "stream": "Ask without streaming.",
    "needs_json_schema": "Ask without a JSON schema.",
}
_MEASURED = {
    "ttft_ewma_ms": "time to first token",
    "in_flight": "requests in flight",
    "success_ewma": "share of successes",
    "ttft_samples": "number of measured first tokens",
    "success_samples": "number of measured answers",
    "requests_left": "requests left this minute",
    "tokens_left": "tokens left this minute",
}


def change_words(change: Change) -> str:
    """One sentence, in the imperative where somebody can set it."""
    return _WORDS[change.kind](change)


def checked_words(explanation: Explanation, change: Change) -> str:
    """What deciding again showed."""
    how = "Checked by deciding again with the same seed: "
    if change.step is None:
        said = f"{how}with this change, {explanation.target} is chosen."
    elif change.short is None:
        said = f"{how}{value_words(change, change.after)} chooses it. No smaller step is possible."
    else:
        said = f"{how}{value_words(change, change.after)} chooses it, {value_words(change, change.short)} does not."
    if not explanation.is_complete:
        said += f" The search stopped after {explanation.decisions:,} decisions, so a smaller change may exist."
    return said


def none_words(explanation: Explanation) -> str:
    if explanation.first == explanation.target:
        return f"{explanation.target} is chosen already."
    if not explanation.is_complete:
        return f"No single change was found within {explanation.decisions:,} decisions; the search is not finished."
    if explanation.decisions <= 1:
        return "No single change of a number, switch, score, price or constraint can choose it."
    return (
        "No single change of a number, switch, score, price or constraint chooses it: "
        f"decided again {explanation.decisions:,} times."
    )


def value_words(change: Change, value: Any) -> str:
    """A value in the unit of the change."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if change.unit in ("nusd", "nusd_per_mtok"):
        return f"${format_usd(value)}"
    if change.unit == "usd":
        return f"${value:.6f}".rstrip("0").rstrip(".")
    if change.unit == "ms":
        return f"{_number(value)} ms"
    if change.unit == "tokens":
        return f"{_number(value)} tokens"
    return _number(value)


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{round(value, 6):,}"


def _moved(change: Change, what: str, tail: str = "") -> str:
    """Raise or lower something from one value to another."""
    verb = "Raise" if change.after > change.before else "Lower"
    return f"{verb} {what} from {_span(change)}{tail}."


def _span(change: Change) -> str:
    return f"{value_words(change, change.before)} to {value_words(change, change.after)}"


def _price(change: Change) -> str:
    if change.field == "both":
        most = value_words(change, change.after)
        return f"Give {change.subject} a price: at most {most} per million tokens, in and out alike. It has none."
    side = "input" if change.field.startswith("input") else "output"
    return _moved(change, f"the {side} price of {change.subject}", " per million tokens")


def _score(change: Change) -> str:
    if change.before is None:
        return f"Give {change.subject} a {change.field} score of {value_words(change, change.after)}. It has none."
    return _moved(change, f"the {change.field} score of {change.subject}")


def _deployment(change: Change) -> str:
    if change.field == "is_enabled":
        if change.after:
            return f"Switch {change.subject} on, and its provider if that is off."
        return f"Switch {change.subject} off."
    if change.field == "is_draining":
        return f"Drain {change.subject}." if change.after else f"Stop draining {change.subject}."
    if change.field == "region":
        before = f" It says {change.before}." if change.before else ""
        return f"Set the region of {change.subject} to {change.after}, if that is true.{before}"
    if change.field == "residency":
        return f"Add the residency tag {change.after[-1]} to {change.subject}, if that is true."
    return _moved(change, f"the {_NUMBERS[change.field]} of {change.subject}")


def _model(change: Change) -> str:
    if change.field in _ABILITIES:
        return f"Say that {change.subject} {_ABILITIES[change.field]}, if that is true."
    return _moved(change, f"the {_NUMBERS[change.field]} of {change.subject}")


def _constraint(change: Change) -> str:
    place = place_words(change)
    if change.name in _LIMITS:
        what = f"{_LIMITS[change.name]}"
        tail = " per million tokens" if "mtok" in change.name else ""
        if change.before is None:
            return f"Add a limit to {place}: {what} {value_words(change, change.after)}{tail}."
        return _moved(change, f"the {what} in {place}", tail)
    if change.name == "exclude":
        gone = [one for one in change.before if one not in change.after]
        return f"No longer exclude {', '.join(gone)} in {place}."
    new = [one for one in change.after if one not in change.before]
    return f"Add {', '.join(new)} to the {_LISTS[change.name]} in {place}."


def _parameter(change: Change) -> str:
    place = place_words(change)
    if change.field.endswith(".sticky"):
        return f"Take the sticky unit out of {place}."
    if isinstance(change.after, tuple):
        of = "the contextual fallback" if change.name == "fallback" else f"the targets of the task {change.name}"
        return f"Write {change.after[0]} first in {of} in {place}."
    if ".ranges." in change.field:
        scale, end = change.name.removesuffix("_usd").removesuffix("_ms"), change.field[-2]
        scale = {"ttft": "latency"}.get(scale, scale)
        return _moved(change, f"the {'best' if end == '0' else 'worst'} end of the {scale} scale in {place}")
    if ".arms[" in change.field:
        return _moved(change, f"the weight of the arm {change.name} in {place}")
    if ".weights." in change.field:
        return _moved(change, f"the weight of {change.name} in {place}")
    if ".routes" in change.field:
        return _moved(change, f"the threshold of the route {change.name} in {place}")
    return _moved(change, f"the {_PARAMETERS[change.field.rpartition('.')[2]]} in {place}")


def _pool(change: Change) -> str:
    place = place_words(change)
    if change.after[: len(change.before)] == change.before:
        return f"Add {change.after[-1]} to the pool of {place}."
    return f"Write {change.after[0]} first in the pool of {place}."


def _condition(change: Change) -> str:
    return _moved(change, f"the threshold of {change.name.replace('_', ' ')} in {place_words(change)}")


def _rule(change: Change) -> str:
    return f"Switch {place_words(change)} {'on' if change.after else 'off'}."


def _budget(change: Change) -> str:
    most = "at least" if change.after > change.before else "at most"
    now, after = value_words(change, change.before), value_words(change, change.after)
    return f"Leave {most} {after} in the budget that binds this request. There was {now} left."


def _request(change: Change) -> str:
    if change.field in _WISHES:
        return _WISHES[change.field]
    if change.field == "only":
        return f"Name {change.after[0]} first among the models the request asks for."
    if change.field == "max_tokens":
        before = "set no limit" if change.before is None else f"allowed {value_words(change, change.before)}"
        return f"Ask for an answer of at most {value_words(change, change.after)}. The request {before}."
    if change.field == "prompt_tokens":
        return f"Send a shorter prompt: {value_words(change, change.after)}, not {value_words(change, change.before)}."
    if change.field.startswith("objective."):
        return _moved(change, f"the request's own weight of {change.field.partition('.')[2]}")
    return _moved(change, "the number in the model's name that the request asks for")


def _live(change: Change) -> str:
    """Nobody sets a measurement, so it is said as what would have been."""
    if change.field == "breaker":
        state = "had not been in cooldown" if change.after == "closed" else "had been in cooldown"
        return f"It would have been chosen if {change.subject} {state}."
    if change.field in ("last_served", "tenant_last_served"):
        return f"It would have been chosen if {change.subject} had not answered this conversation last."
    what, after = f"the {_MEASURED[change.field]} of {change.subject}", value_words(change, change.after)
    if change.before is None:
        return f"It would have been chosen if {what} had been measured, at {after}. It was not."
    return f"It would have been chosen if {what} had been {after}, not {value_words(change, change.before)}."


_WORDS: Mapping[str, Callable[[Change], str]] = {
    "price": _price,
    "score": _score,
    "deployment": _deployment,
    "model": _model,
    "constraint": _constraint,
    "parameter": _parameter,
    "pool": _pool,
    "condition": _condition,
    "rule": _rule,
    "budget": _budget,
    "request": _request,
    "live": _live,
}
