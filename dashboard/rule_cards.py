"""Rules as the cards a person reads: name, condition and use in words, what traffic they took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.validators import slug_re

from dashboard.condition_words import Group, Phrase, describe_condition
from dashboard.extra_words import describe_extras
from dashboard.nested_fields import section
from dashboard.policy_traffic import Hits
from dashboard.use_words import describe_constraints, reference_words, strategy_detail, strategy_words


@dataclass(frozen=True, slots=True)
class UseCard:
    """reject is a message and excludes the rest. experiment: the slug a split names."""

    reject: str | None
    strategy: str
    kind: str
    detail: str
    pool: tuple[str, ...]
    fallbacks: tuple[str, ...]
    limits: tuple[str, ...]
    extras: tuple[str, ...]
    experiment: str = ""


@dataclass(frozen=True, slots=True)
class RuleCard:
    """hits is None where nothing is known: a draft's new rule."""

    id: str
    number: int
    name: str
    is_enabled: bool
    condition: Phrase | Group
    use: UseCard
    hits: Hits | None
    is_first: bool
    is_last: bool
    problems: tuple[str, ...] = ()


def rule_cards(
    document: Mapping[str, Any],
    hits: Mapping[str, Hits],
    problems: Mapping[str, Iterable[str]] | None = None,
) -> list[RuleCard]:
    """problems: rule id → what publishing would refuse about it."""
    rules = [rule for rule in document.get("rules") or () if isinstance(rule, Mapping)]
    total = next(iter(hits.values())).total if hits else 0
    return [
        RuleCard(
            id=str(rule.get("id")),
            number=number,
            name=str(rule.get("name") or rule.get("id")),
            is_enabled=rule.get("enabled", True) is not False,
            condition=describe_condition(rule.get("when")),
            use=use_card(rule.get("use")),
            hits=hits.get(str(rule.get("id")), Hits(0, total)) if hits else None,
            is_first=number == 1,
            is_last=number == len(rules),
            problems=tuple((problems or {}).get(str(rule.get("id")), ())),
        )
        for number, rule in enumerate(rules, start=1)
    ]


def default_card(document: Mapping[str, Any], hits: Mapping[str, Hits]) -> dict[str, Any]:
    """The last resort: its use and its traffic, which is recorded under no rule."""
    return {"use": use_card(document.get("default")), "hits": hits.get("") or hits.get("default")}


def use_card(use: Any) -> UseCard:
    given: Mapping[str, Any] = use if isinstance(use, Mapping) else {}
    strategy = section(given, "strategy")
    return UseCard(
        reject=str(given["reject"]) if "reject" in given else None,
        strategy=strategy_words({"kind": strategy.get("kind", "ordered")}),
        kind=str(strategy.get("kind", "ordered")),
        detail=strategy_detail(strategy),
        pool=tuple(reference_words(str(one)) for one in given.get("pool") or ()),
        fallbacks=tuple(reference_words(str(one)) for one in given.get("fallbacks") or ()),
        limits=tuple(describe_constraints(given.get("constraints"))),
        extras=tuple(describe_extras(given)),
        experiment=_experiment(strategy),
    )


def _experiment(strategy: Mapping[str, Any]) -> str:
    """Empty where no page can have this name: a document takes any text before it is published."""
    name = str(strategy.get("experiment") or "") if strategy.get("kind") == "split" else ""
    return name if slug_re.match(name) else ""
