"""Prompts that are no place to try things: marked by whoever sends them, with the tag `critical` or the metadata `critical`."""

from __future__ import annotations

from routerapp.engine.types import RequestFacts

CRITICAL = "critical"
_NOT = ("", "0", "false", "no")


def is_critical(facts: RequestFacts) -> bool:
    if CRITICAL in facts.tags:
        return True
    said = facts.metadata.get(CRITICAL) if facts.metadata else None
    return said is not None and said.strip().lower() not in _NOT
