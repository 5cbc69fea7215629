"""Whether a value has the shape of a configuration document: known sections, known fields, plain values. Says every misfit by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from routerapp.engine.problems import Problem
from routerapp.serving.configuration.fields import Field, misfit
from routerapp.serving.configuration.sections import Section
from routerapp.serving.documents import refuse_unstorable
from routerapp.serving.refusals import Invalid, invalid

SCHEMA = 1
SCHEMA_FIELD = "signalbox"
MOST_ENTRIES = 10_000


def checked_shape(document: Any, sections: Sequence[Section]) -> dict[str, dict[str, dict[str, Any]]]:
    """section -> entry -> fields, settled to one spelling. Raises Invalid with every problem."""
    if not isinstance(document, Mapping):
        raise invalid("", "not_an_object", "A configuration document is an object.")
    refuse_unstorable(document)
    if document.get(SCHEMA_FIELD) != SCHEMA:
        raise invalid(SCHEMA_FIELD, "unknown_schema", f"It must say {SCHEMA_FIELD}: {SCHEMA}.")
    known = {section.name: section for section in sections}
    problems: list[Problem] = []
    found = {}
    for name, entries in document.items():
        if name == SCHEMA_FIELD:
            continue
        if name not in known:
            problems.append(Problem(str(name), "unknown_field", f"Sections are: {', '.join(known)}."))
        elif not isinstance(entries, Mapping) or len(entries) > MOST_ENTRIES:
            problems.append(
                Problem(name, "not_an_object", f"A section is an object of at most {MOST_ENTRIES:,} entries.")
            )
        else:
            found[name] = _entries(known[name], entries, problems)
    if problems:
        raise Invalid(problems)
    return found


def check_fields(entry: Any, field_of: Callable[[str], Field | None], path: str) -> None:
    """Raises Invalid for the fields nobody knows and the values that cannot stand there."""
    if not isinstance(entry, Mapping):
        raise invalid(path, "not_an_object", "This is an object.")
    problems = []
    for name, value in entry.items():
        place = f"{path}.{name}" if path else str(name)
        field = field_of(name) if isinstance(name, str) else None
        if field is None:
            problems.append(Problem(place, "unknown_field", f"{name} means nothing here."))
        elif (reason := misfit(field, value)) is not None:
            problems.append(Problem(place, "invalid", reason))
    if problems:
        raise Invalid(problems)


def under(path: str, error: Invalid) -> list[Problem]:
    """The same problems, said from the top of the document."""
    return [Problem(f"{path}.{one.path}" if one.path else path, one.code, one.message) for one in error.problems]


def _entries(section: Section, entries: Mapping[Any, Any], problems: list[Problem]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, entry in entries.items():
        path = f"{section.name}.{name}"
        try:
            if not isinstance(name, str):
                raise invalid("", "not_text", "A name is text; quote it.")
            check_fields(entry, section.field, "")
            found[name] = section.settle(entry)
        except Invalid as error:
            problems += under(path, error)
    return found
