"""Which policies read predictions, themselves or by entering one that does: for all others nothing is predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

READING_KINDS = frozenset(("learned", "threshold", "semantic"))


def reads_predictions(document: Any) -> bool:
    """Whether a policy, a use or a part of one asks for predictions anywhere, arms of experiments included. Half-written ones too."""
    return any(
        mapping.get("kind") in READING_KINDS or _explores_within(mapping.get("explore"))
        for mapping in _mappings(document)
    )


def prediction_readers(policies: Mapping[str, Iterable[Mapping[str, Any]]]) -> frozenset[str]:
    """Slugs of those with a document that reads predictions, and of those that enter one of these."""
    documents = {slug: list(found) for slug, found in policies.items()}
    readers = {slug for slug, found in documents.items() if any(map(reads_predictions, found))}
    enters = {slug: {name for one in found for name in policies_in(one)} for slug, found in documents.items()}
    while more := {slug for slug, names in enters.items() if slug not in readers and names & readers}:
        readers |= more
    return frozenset(readers)


def policies_in(document: Any) -> Iterator[str]:
    """Slugs of the policies that a document enters."""
    for mapping in _mappings(document):
        pool = mapping.get("pool")
        for one in pool if isinstance(pool, list | tuple) else ():
            if isinstance(one, str) and one.startswith("policy:"):
                yield one.removeprefix("policy:")


def _explores_within(explore: Any) -> bool:
    return isinstance(explore, Mapping) and explore.get("margin") is not None


def _mappings(document: Any) -> Iterator[Mapping[str, Any]]:
    open_parts = [document]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Mapping):
            yield part
            open_parts.extend(part.values())
        elif isinstance(part, list | tuple):
            open_parts.extend(part)
