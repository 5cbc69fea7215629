"""References of a document to the catalogue: deployment:<slug>, model:<slug>, provider:<slug>, policy:<slug>, tag:<tag>, all."""

from __future__ import annotations

import re
from typing import NamedTuple

from routerapp.engine.section import Section

KINDS = ("deployment", "model", "provider", "policy", "tag")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,99}")


class Reference(NamedTuple):
    """kind is one of KINDS or 'all' (whose name is empty)."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


ALL = Reference("all", "")


def parse_reference(text: str) -> Reference | None:
    if text == "all":
        return ALL
    kind, _, name = text.partition(":")
    return Reference(kind, name) if kind in KINDS and _NAME.fullmatch(name) else None


def parse_target(text: str) -> Reference | None:
    """A reference to deployments; a bare slug is a deployment's."""
    reference = parse_reference(text) if ":" in text or text == "all" else parse_reference(f"deployment:{text}")
    return None if reference is None or reference.kind == "policy" else reference


def read_references(section: Section, key: str, *, may_be_policy: bool = False) -> tuple[Reference, ...]:
    """The references listed under a key, in the order written; a policy only where it may stand, and alone."""
    references: list[Reference] = []
    texts = section.texts(key) or ()
    for index, text in enumerate(texts):
        place = f"{key}[{index}]"
        reference = parse_reference(text)
        if reference is None:
            kinds = ", ".join(f"{kind}:<slug>" for kind in KINDS if kind != "tag")
            section.refuse(place, "bad_reference", f"{text[:64]!r} is no reference. Write {kinds}, tag:<tag> or all.")
        elif reference.kind == "policy" and not may_be_policy:
            section.refuse(place, "bad_reference", "A policy cannot stand here.")
        elif reference.kind == "policy" and len(texts) > 1:
            section.refuse(place, "bad_reference", "A policy must be the only member of its pool.")
        else:
            references.append(reference)
    return tuple(references)
