"""What a rule does, in words. Words only; values are people's and must be escaped where they are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.condition_words import field_words
from dashboard.extra_words import describe_extras

STRATEGY_WORDS: Mapping[str, str] = {
    "ordered": "in the order written",
    "round_robin": "in turn",
    "weighted": "at random by weight",
    "least_busy": "the less busy of two",
    "headroom": "the most headroom",
    "fastest": "the fastest",
    "most_reliable": "the most reliable",
    "cheapest": "the cheapest",
    "balanced": "balanced",
    "capability": "the most capable",
    "contextual": "by task",
    "cascade": "cheap first, checked",
    "consistent_hash": "the same one for the same unit",
    "semantic": "by meaning",
    "threshold": "the weak one where good enough",
    "learned": "learned",
    "bandit": "by graded answers",
    "split": "split into arms",
}
_CONSTRAINT_WORDS: Mapping[str, str] = {
    "regions": "region {}",
    "residency": "residency {}",
    "providers": "provider {}",
    "models": "model {}",
    "deployments": "deployment {}",
    "exclude": "never {}",
    "max_cost_usd": "estimated cost ≤ ${}",
    "max_input_usd_per_mtok": "input price ≤ ${} / M",
    "max_output_usd_per_mtok": "output price ≤ ${} / M",
    "max_ttft_ms": "expected first token ≤ {} ms",
    "min_quality": "quality ≥ {}",
}


def describe_use(use: Any) -> str:
    """One line: the strategy with its weights, the pool, the fallbacks, the limits, the extras."""
    if not isinstance(use, Mapping):
        return "nothing"
    if "reject" in use:
        return f"reject with “{use['reject']}”"
    parts = [f"{strategy_words(use.get('strategy'))} of {pool_words(use.get('pool'))}"]
    if use.get("fallbacks"):
        parts.append(f"then {pool_words(use['fallbacks'])}")
    limits = describe_constraints(use.get("constraints"))
    return ", ".join([*parts, *limits, *describe_extras(use)])


def strategy_words(strategy: Any) -> str:
    if not isinstance(strategy, Mapping):
        return STRATEGY_WORDS["ordered"]
    kind = str(strategy.get("kind", ""))
    words = STRATEGY_WORDS.get(kind, kind)
    detail = strategy_detail(strategy)
    return f"{words} ({detail})" if detail else words


def strategy_detail(strategy: Mapping[str, Any]) -> str:
    """Weights, targets or arms in a few words."""
    if isinstance(strategy.get("weights"), Mapping):
        return ", ".join(f"{name} {_plain(weight)}" for name, weight in strategy["weights"].items() if weight)
    if isinstance(strategy.get("targets"), Mapping):
        return "; ".join(f"{task} → {pool_words(targets)}" for task, targets in strategy["targets"].items())
    if isinstance(strategy.get("arms"), list | tuple):
        arms = [arm for arm in strategy["arms"] if isinstance(arm, Mapping)]
        return ", ".join(f"{arm.get('name')} {_plain(arm.get('weight', 1))}" for arm in arms)
    if kind := str(strategy.get("kind", "")):
        if len(strategy) > 1 and (words := _LEARNED_DETAIL.get(kind)) is not None:
            return words(strategy)
    return f"by {strategy['on']}" if isinstance(strategy.get("on"), str) else ""


def _learned_detail(strategy: Mapping[str, Any]) -> str:
    wish = strategy.get("target")
    aim = f"cost–quality {_plain(strategy.get('cost_quality', 0))}"
    if isinstance(wish, Mapping):
        aim = wish_words(wish) + ("" if strategy.get("solved") else ", not solved yet")
    return f"{aim}, else {reference_words(str(strategy.get('default', '')))}"


def _threshold_detail(strategy: Mapping[str, Any]) -> str:
    weak, strong = (reference_words(str(strategy.get(key, ""))) for key in ("weak", "strong"))
    wish = strategy.get("target")
    aim = wish_words(wish) if isinstance(wish, Mapping) else f"from {_plain(strategy.get('threshold', 0.7))}"
    return f"{weak} {aim}, else {strong}"


def _semantic_detail(strategy: Mapping[str, Any]) -> str:
    given = strategy.get("routes")
    routes = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list | tuple) else []
    return "; ".join(f"{one.get('name')} → {pool_words(one.get('targets'))}" for one in routes)


_LEARNED_DETAIL = {"learned": _learned_detail, "threshold": _threshold_detail, "semantic": _semantic_detail}


def wish_words(wish: Mapping[str, Any]) -> str:
    """A wish in plain units: {kind: max_share_dear, value: 0.2} → at most 20 % to the dearest model."""
    kind, value = str(wish.get("kind", "")), wish.get("value")
    percent = f"{value * 100:g} %" if isinstance(value, int | float) else f"{value}"
    return {
        "equal": "as good as the best single model, cheapest",
        "share_of_best": f"{'99 %' if value is None else percent} of the best single model, cheapest",
        "max_share_dear": f"at most {percent} to the dearest model",
        "max_usd_per_1000": f"at most ${value} per 1,000 requests",
    }.get(kind, kind)


def pool_words(references: Any) -> str:
    if not isinstance(references, list | tuple) or not references:
        return "nothing"
    return ", ".join(reference_words(str(one)) for one in references)


def reference_words(reference: str) -> str:
    """all → everything; model:x → x; tag:x → tagged x; policy:x → policy x."""
    kind, colon, name = reference.partition(":")
    if not colon:
        return "everything" if reference == "all" else reference
    return name if kind in ("model", "deployment") else f"{'tagged' if kind == 'tag' else kind} {name}"


def describe_constraints(constraints: Any) -> list[str]:
    """One phrase a limit."""
    if not isinstance(constraints, Mapping):
        return []
    return [limit_words(name, value) for name, value in constraints.items()]


def limit_words(name: str, value: Any) -> str:
    """One limit of constraints; dollars with their cents."""
    text = _plain(value)
    whole, point, cents = text.partition(".")
    if "usd" in name and point and whole.isdigit() and cents.isdigit():
        text = f"{whole}.{cents.ljust(2, '0')}"
    return _CONSTRAINT_WORDS.get(name, f"{name} {{}}").format(text)


def place_words(path: str, names: Mapping[str, str]) -> str:
    """A problem's path for people: rules[1].when.all[0].value → Rule 2 “spam” › when. names: rule place → name."""
    head, _, rest = path.partition(".")
    if head.startswith("rules["):
        number = head[6:-1]
        words = f"Rule {int(number) + 1}" if number.isdigit() else head
        name = names.get(number)
        head = f"{words} “{name}”" if name else words
    else:
        head = field_words(head).replace("_", " ").capitalize() if head else "The policy"
    return f"{head} › {rest.replace('.', ' › ')}" if rest else head


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " or ".join(_flat(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _flat(values: Iterable[Any]) -> list[str]:
    return [_plain(value) for value in values]
