"""A policy: an ordered list of rules and a default. Parsed, checked and compiled once from its document; never changed afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from routerapp.engine.conditions import Condition, Leaf, read_condition
from routerapp.engine.constraints import Constraints, read_constraints
from routerapp.engine.extras import PLAIN_HANDLING, POLICY_EXTRA_KEYS, Extras, read_content, read_extras
from routerapp.engine.operators import Test, never
from routerapp.engine.problems import PolicyError as PolicyError
from routerapp.engine.problems import Problem as Problem
from routerapp.engine.section import Section
from routerapp.engine.stretches import Stretch, stretches_of
from routerapp.engine.types import Handling, TraceStep
from routerapp.engine.uses import Use, read_use
from routerapp.engine.verdicts import Verdict

SCHEMA = 1
SETTINGS_KEYS = ("constraints", *POLICY_EXTRA_KEYS, "content")
KEYS = ("schema", "policy", "description", "timezone", *SETTINGS_KEYS, "rules", "default")
RULE_KEYS = ("id", "name", "enabled", "when", "use")
RESERVED_RULE_IDS = ("default", "pinned")
MAX_RULES = 1_000
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Rule:
    """when None: always. checks: each conjunct with what the trace says if it fails, made here so that a decision makes none."""

    id: str
    name: str
    is_enabled: bool
    when: Condition | None
    use: Use
    checks: tuple[tuple[Test, TraceStep], ...] = field(repr=False, compare=False, default=())
    matched: TraceStep = field(repr=False, compare=False, default=TraceStep("rule", "", Verdict.RULE_MATCHED))


@dataclass(frozen=True, slots=True)
class Policy:
    """version 0 is a draft or a policy made up for a name. document: as given. content: what is kept of prompts and answers."""

    slug: str
    version: int
    timezone: ZoneInfo
    constraints: Constraints
    rules: tuple[Rule, ...]
    default: Rule
    document: Mapping[str, Any]
    uses_clock: bool = False
    content: Handling = PLAIN_HANDLING
    stretches: tuple[Stretch, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "stretches", stretches_of(self.rules))

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Content leaves of all rules, disabled ones too: enabling a rule must not lose what was observed."""
        return tuple(leaf for rule in self.rules if rule.when for leaf in rule.when.leaves)


def parse_policy(document: Mapping[str, Any], *, version: int = 0) -> Policy:
    """Raises PolicyError with every problem found, each with its path in the document."""
    problems: list[Problem] = []
    section = Section(document, "", problems, KEYS)
    if section.document.get("schema") != SCHEMA:
        section.refuse("schema", "bad_schema", f"This must be {SCHEMA}.")
    section.require("policy")
    slug = section.text("policy", "", limit=100) or ""
    if slug and not _SLUG.fullmatch(slug):
        section.refuse("policy", "bad_name", "A slug is letters, digits, dots, _ or -.")
    section.text("description", limit=1_000)
    timezone = _read_timezone(section)
    constraints = read_constraints(section.document.get("constraints"), "constraints", problems)
    extras = read_extras(Section(_settings(section), "", problems, KEYS))
    content = read_content(section)
    rules = _read_rules(section, constraints, extras)
    section.require("default")
    default = Rule(
        "default",
        "default",
        True,
        None,
        read_use(section.document.get("default", {}), "default", problems, constraints, (), extras),
    )
    if problems:
        raise PolicyError(tuple(problems))
    uses_clock = any(rule.when is not None and rule.when.uses_clock for rule in rules)
    return Policy(slug, version, timezone, constraints, rules, default, document, uses_clock, content)


def _read_timezone(section: Section) -> ZoneInfo:
    name = section.text("timezone", "UTC", limit=64) or "UTC"
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        section.refuse(
            "timezone", "unknown_value", f"{name!r} is no time zone. Write a name such as Europe/Berlin or UTC."
        )
        return ZoneInfo("UTC")


def _settings(section: Section) -> Mapping[str, Any]:
    """The extras a policy sets for all its rules."""
    return {key: section.document[key] for key in POLICY_EXTRA_KEYS if key in section.document}


def _read_rules(section: Section, around: Constraints, extras: Extras) -> tuple[Rule, ...]:
    documents = section.items("rules")
    if len(documents) > MAX_RULES:
        section.refuse("rules", "too_many", f"A policy has at most {MAX_RULES} rules.")
        return ()
    rules: list[Rule] = []
    seen: set[str] = set()
    for index, document in enumerate(documents):
        rule = _read_rule(document, f"rules[{index}]", section.problems, around, extras)
        if rule.id in seen:
            section.refuse(f"rules[{index}].id", "duplicate_id", f"Another rule has the id {rule.id!r}.")
        seen.add(rule.id)
        rules.append(rule)
    return tuple(rules)


def _read_rule(document: Any, path: str, problems: list[Problem], around: Constraints, extras: Extras) -> Rule:
    section = Section(document, path, problems, RULE_KEYS)
    section.require("id")
    rule_id = section.text("id", "", limit=40) or ""
    if rule_id and (not _RULE_ID.fullmatch(rule_id) or rule_id in RESERVED_RULE_IDS):
        section.refuse("id", "bad_name", "An id is 1 to 40 letters, digits, _ or -, and not 'default' or 'pinned'.")
    name = section.text("name", rule_id, limit=100) or rule_id
    section.require("use")
    when = None
    if section.has("when"):
        when = read_condition(section.document["when"], f"{path}.when", problems)
    use = read_use(section.document.get("use", {}), f"{path}.use", problems, around, (), extras)
    is_enabled = section.flag("enabled", True)
    return Rule(
        rule_id,
        name,
        is_enabled,
        when,
        use,
        _checks(rule_id, when, is_enabled),
        TraceStep("rule", rule_id, Verdict.RULE_MATCHED),
    )


def _checks(rule_id: str, when: Condition | None, is_enabled: bool) -> tuple[tuple[Test, TraceStep], ...]:
    if not is_enabled:
        return ((never, TraceStep("rule", rule_id, Verdict.RULE_DISABLED)),)
    if when is None:
        return ()
    return tuple((part.test, TraceStep("rule", rule_id, Verdict.RULE_NOT_MATCHED, part.because)) for part in when.parts)
