"""Trees of all, any and not over typed leaves: checked and compiled once at parse, evaluated in three-valued logic (Kleene)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import re2

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.operators import Test, compile_leaf, every, inverse, never, some
from routerapp.engine.problems import PolicyError, Problem
from routerapp.engine.readings import add_clock, read_inputs
from routerapp.engine.section import is_number, suggestion
from routerapp.engine.task_words import is_own_task
from routerapp.engine.text_match import PATTERN_CHARACTERS, compile_pattern
from routerapp.engine.types import Inputs
from routerapp.engine.vocabulary import FIELD_BY_NAME, FIELDS, OPERATOR_BY_NAME, Field, field_of

MAX_DEPTH = 16
MAX_NODES = 1_000
MAX_LIST = 1_000
MAX_TEXT = 1_000
_FAMILY_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CLOCK_FIELDS = frozenset(("hour", "weekday"))


@dataclass(frozen=True, slots=True)
class Leaf:
    """One question about content, answered once per request and recorded under leaf_id."""

    leaf_id: str
    field: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Condition:
    """document: as written. parts: the conjuncts (one unless the root is `all`), each a test and where it stands."""

    document: Mapping[str, Any]
    test: Test = field(repr=False, compare=False)
    parts: tuple[Part, ...] = field(repr=False, compare=False)
    leaves: tuple[Leaf, ...] = ()
    uses_clock: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """because: what a trace says when this conjunct made the rule not match."""

    test: Test
    because: Mapping[str, Any]


def leaf_id(field: str, op: str, value: Any) -> str:
    """16 hex digits that name one leaf for ever: the hash of its field, operator and value."""
    return hashlib.sha256(canonical_bytes([field, op, value])).hexdigest()[:16]


def parse_condition(document: Any, path: str = "when") -> Condition:
    """Raises PolicyError with every problem, each with its path."""
    problems: list[Problem] = []
    condition = read_condition(document, path, problems)
    if condition is None:
        raise PolicyError(tuple(problems))
    return condition


def read_condition(document: Any, path: str, problems: list[Problem]) -> Condition | None:
    """As parse_condition, adding to problems; None where there is any."""
    reader = _Reader(problems)
    before = len(problems)
    test = reader.node(document, path, 1)
    if len(problems) > before:
        return None
    parts = tuple(Part(*part) for part in reader.parts.get(path, ((test, _because(document, "")),)))
    return Condition(document, test, parts, tuple(reader.leaves), reader.uses_clock)


def evaluate(condition: Condition, inputs: Inputs, now_ms: int, timezone: ZoneInfo) -> bool | None:
    """True, false, or None where the answer hangs on content that was not kept."""
    readings = read_inputs(inputs)
    if condition.uses_clock:
        add_clock(readings, now_ms, timezone)
    return condition.test(readings, inputs.observations)


def content_leaves(condition: Condition) -> tuple[Leaf, ...]:
    """The leaves whose truth must be observed while the content is at hand."""
    return condition.leaves


def _because(document: Mapping[str, Any], place: str) -> dict[str, Any]:
    because: dict[str, Any] = {"at": place} if place else {}
    for key in ("field", "op"):
        if key in document:
            because[key] = document[key]
    return because


class _Reader:
    """One pass over a tree: checks, compiles and gathers content leaves."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.leaves: list[Leaf] = []
        self.parts: dict[str, tuple[tuple[Test, dict[str, Any]], ...]] = {}
        self.uses_clock = False
        self.nodes = 0

    def refuse(self, path: str, code: str, message: str) -> Test:
        self.problems.append(Problem(path, code, message))
        return never

    def node(self, document: Any, path: str, depth: int) -> Test:
        self.nodes += 1
        if self.nodes == MAX_NODES + 1:
            return self.refuse(path, "too_many", f"A condition has at most {MAX_NODES} parts.")
        if self.nodes > MAX_NODES:
            return never
        if depth > MAX_DEPTH:
            return self.refuse(path, "too_deep", f"A condition is at most {MAX_DEPTH} levels deep.")
        if not isinstance(document, Mapping):
            return self.refuse(path, "wrong_type", "A condition is a mapping with all, any, not, or field and op.")
        branches = [key for key in ("all", "any", "not") if key in document]
        if not branches:
            return self.leaf(document, path)
        if len(document) > 1:
            return self.refuse(path, "unknown_key", f"Nothing else may stand beside {branches[0]!r}.")
        if branches[0] == "not":
            return inverse(self.node(document["not"], f"{path}.not", depth + 1))
        return self.branch(branches[0], document[branches[0]], path, depth)

    def branch(self, word: str, documents: Any, path: str, depth: int) -> Test:
        place = f"{path}.{word}"
        if not isinstance(documents, list | tuple) or not documents:
            return self.refuse(place, "wrong_type", f"{word!r} holds a list of at least one condition.")
        tests = tuple(self.node(part, f"{place}[{index}]", depth + 1) for index, part in enumerate(documents))
        if word == "any":
            return some(tests)
        if depth == 1:
            places = (f"all[{index}]" for index in range(len(tests)))
            named = zip(tests, documents, places, strict=True)
            self.parts[path] = tuple(
                (test, _because(part, at)) for test, part, at in named if isinstance(part, Mapping)
            )
        return every(tests)

    def leaf(self, document: Mapping[str, Any], path: str) -> Test:
        for key in document:
            if key not in ("field", "op", "value"):
                return self.refuse(f"{path}.{key}", "unknown_key", "A leaf has field, op and value.")
        name = document.get("field")
        found = field_of(name) if isinstance(name, str) else None
        if found is None or not isinstance(name, str):
            return self.refuse(f"{path}.field", "unknown_field", _unknown_field(name))
        if found.is_family:
            name = self.family_name(name, path)
        op = document.get("op")
        if op not in found.operators:
            allowed = ", ".join(found.operators)
            return self.refuse(f"{path}.op", "unknown_operator", f"{name} can be compared with: {allowed}.")
        value = document.get("value", True if op == "exists" else None)
        complaint = _complaint(found, op, value)
        if complaint:
            return self.refuse(f"{path}.value", *complaint)
        self.uses_clock = self.uses_clock or name in _CLOCK_FIELDS
        # exists: false is asked as exists: true and turned round, so that both share one observation
        asked = True if op == "exists" else value
        identity = leaf_id(name, op, asked)
        if found.is_content:
            self.leaves.append(Leaf(identity, name, op, tuple(asked) if isinstance(asked, list) else asked))
        return compile_leaf(name, found, op, value, identity)

    def family_name(self, name: str, path: str) -> str:
        family, _, rest = name.partition(".")
        if not _FAMILY_NAME.fullmatch(rest):
            self.refuse(
                f"{path}.field", "unknown_field", f"After {family}. stand 1 to 64 letters, digits, dots, _ or -."
            )
        return f"header.{rest.lower()}" if family == "header" else name


def _unknown_field(name: Any) -> str:
    if not isinstance(name, str):
        return "A condition needs the name of a field."
    family = FIELD_BY_NAME.get(name)
    if family is not None and family.is_family:
        return f"Say which one: {name}.<name>."
    names = [entry.name for entry in FIELDS]
    return f"There is no field {name[:64]!r}.{suggestion(name, names)} Fields: {', '.join(names)}."


def _complaint(field: Field, op: str, value: Any) -> tuple[str, str] | None:
    shape = OPERATOR_BY_NAME[op].value
    if shape == "flag":
        return None if isinstance(value, bool) else ("wrong_type", "exists takes true or false.")
    if shape == "pattern":
        return _pattern_complaint(value)
    if shape == "one":
        return _value_complaint(field, value)
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_LIST:
        return ("wrong_type", f"{op} takes a list of 1 to {MAX_LIST} values.")
    if shape == "pair" and (len(value) != 2 or not all(map(is_number, value)) or value[0] > value[1]):
        return ("wrong_type", "between takes [lowest, highest]; for hours past midnight use any of two conditions.")
    return next((complaint for item in value if (complaint := _value_complaint(field, item))), None)


def _pattern_complaint(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str) or not 1 <= len(value) <= PATTERN_CHARACTERS:
        return ("bad_pattern", f"A pattern is text of 1 to {PATTERN_CHARACTERS} characters.")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return ("bad_pattern", "Half a surrogate pair is no character, so nothing can match it.")
    try:
        compile_pattern(value)
    except re2.error as error:
        words = error.args[0] if error.args else "it cannot be compiled"
        text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
        return ("bad_pattern", f"RE2 refuses this pattern: {text[:200]}.")
    return None


def _value_complaint(field: Field, value: Any) -> tuple[str, str] | None:
    if field.kind == "number":
        return None if is_number(value) else ("wrong_type", f"{field.name} is a number{_unit(field)}.")
    if field.kind == "bool":
        return None if isinstance(value, bool) else ("wrong_type", f"{field.name} is true or false.")
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        return ("wrong_type", f"{field.name} is compared with text of 1 to {MAX_TEXT} characters.")
    if field.choices and value not in field.choices and not (field.name == "task" and is_own_task(value)):
        return (
            "unknown_value",
            f"{value[:64]!r} is no {field.name}.{suggestion(value, field.choices)} One of: {', '.join(field.choices)}.",
        )
    return None


def _unit(field: Field) -> str:
    return f" ({field.unit})" if field.unit else ""
