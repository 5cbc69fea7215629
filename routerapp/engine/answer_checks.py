"""What an answer has to be for a cascade to take it: the checks a policy may name. Reads and describes them; making them is serving's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.references import parse_reference
from routerapp.engine.section import Section, suggestion
from routerapp.engine.text_match import PATTERN_CHARACTERS, compile_pattern

MOST_CHECKS = 10
MOST_CHARACTERS = 100_000
SCHEMA_BYTES = 32_768
LEAST_LOG_PROBABILITY = -20.0
MOST_SAMPLES = 5
# Checks that ask an upstream again: made last, and only of an answer that passes the others.
ASKING = ("agrees", "judge")


@dataclass(frozen=True, slots=True)
class Check:
    """kind is one of CHECKS. value: its bound, pattern or schema; None where it has none."""

    kind: str
    value: Any = None

    @property
    def document(self) -> dict[str, Any]:
        """As the policy has it, and as it is recorded with the plan."""
        return {"check": self.kind} if self.value is None else {"check": self.kind, "value": self.value}


def read_checks(section: Section, key: str) -> tuple[Check, ...]:
    """All checks of a list, each {check: kind, value: …}; adds to the section's problems."""
    documents = section.items(key)
    if not 1 <= len(documents) <= MOST_CHECKS:
        section.refuse(key, "out_of_range", f"Name 1 to {MOST_CHECKS} checks, each of which an answer must pass.")
    path = section.at(key)
    found = [
        _read_check(Section(document, f"{path}[{index}]", section.problems, ("check", "value")))
        for index, document in enumerate(documents[:MOST_CHECKS])
    ]
    return tuple(check for check in found if check is not None)


def checks_of(documents: tuple[Mapping[str, Any], ...]) -> tuple[Check, ...]:
    """Of a plan's step, which holds what read_checks has let through."""
    return tuple(Check(document["check"], document.get("value")) for document in documents)


def _read_check(section: Section) -> Check | None:
    kind = section.document.get("check")
    reader = CHECKS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        word = kind if isinstance(kind, str) else ""
        section.refuse("check", "unknown_value", f"One of: {', '.join(CHECKS)}.{suggestion(word, CHECKS)}")
        return None
    return Check(str(kind), reader(section))


def _nothing(section: Section) -> None:
    if section.document.get("value") is not None:
        section.refuse("value", "unknown_key", "This check takes no value.")


def _characters(section: Section) -> int:
    section.require("value")
    return section.integer("value", 1, 1, MOST_CHARACTERS)


def _log_probability(section: Section) -> float:
    section.require("value")
    return section.number("value", -1.0, LEAST_LOG_PROBABILITY, 0.0) or 0.0


def _pattern(section: Section) -> str:
    section.require("value")
    pattern = section.text("value", "", limit=PATTERN_CHARACTERS) or ""
    try:
        compile_pattern(pattern)
    except re2.error as error:
        section.refuse("value", "bad_pattern", f"RE2 cannot read this pattern: {error}")
    return pattern


def _schema(section: Section) -> Mapping[str, Any] | None:
    """None: the schema of the request itself, and where it asks for none, any JSON object will do."""
    value = section.document.get("value")
    if value is None:
        return None
    schema = section.mapping("value")
    if len(canonical_bytes(schema)) > SCHEMA_BYTES:
        section.refuse("value", "out_of_range", f"A schema has at most {SCHEMA_BYTES:,} bytes.")
    return schema


def _agreement(section: Section) -> dict[str, Any]:
    """samples: answers to the same question, this one included; least: the share of them that ends in the same thing."""
    inner = Section(section.mapping("value"), section.at("value"), section.problems, ("samples", "least"))
    return {"samples": inner.integer("samples", 3, 2, MOST_SAMPLES), "least": inner.number("least", 0.6, 0, 1)}


def _grade(section: Section) -> dict[str, Any]:
    """by: the deployment that grades; least: the grade, 0 to 1, from which an answer passes."""
    section.require("value")
    inner = Section(section.mapping("value"), section.at("value"), section.problems, ("by", "least"))
    inner.require("by")
    reference = parse_reference(inner.text("by", "") or "deployment:none")
    if reference is None or reference.kind != "deployment":
        inner.refuse("by", "bad_reference", "Name one deployment, as deployment:<slug>.")
    return {"by": inner.text("by", ""), "least": inner.number("least", 0.7, 0, 1)}


# complete: not cut off by a limit. not_refused: the model did not decline. schema: JSON of the request's (or this) schema.
# log_probability: at least this mean per token. agrees: asked again, the model says the same. judge: another model grades it.
CHECKS: Mapping[str, Callable[[Section], Any]] = {
    "complete": _nothing,
    "not_refused": _nothing,
    "schema": _schema,
    "min_characters": _characters,
    "matches": _pattern,
    "not_matches": _pattern,
    "log_probability": _log_probability,
    "agrees": _agreement,
    "judge": _grade,
}
