"""A condition as a form: nested groups and leaves held in dotted field names, parsed, edited and written back as a document.

Keeps what was typed, also where it is wrong; what a document may say is judged by the engine alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any

from dashboard.condition_controls import (
    FIELD_GROUPS,
    control_of,
    known_field,
    list_items,
    operators_of,
    read_values,
    write_value,
)
from dashboard.condition_words import OPERATOR_WORDS
from dashboard.nested_fields import Fields
from routerapp.engine.vocabulary import Field

GROUP_KINDS = ("all", "any", "not")
NAMED_FIELDS = ("metadata", "header")
FIRST_LEAF = ("task", "in")
# What a field starts with when its old operator does not fit it.
PREFERRED = {"choice": "in", "set": "intersects", "number": "gte", "text": "contains", "bool": "eq"}
# What a field of text starts with: to be exactly one of some texts is hardly ever meant.
FIRST_FOR_CONTENT = "contains_any"
OPERATOR_HINTS = {
    "contains": "Upper and lower case are the same",
    "contains_any": "Whole words; upper and lower case are the same",
    "starts_with": "Upper and lower case are the same",
    "matches": "An RE2 pattern; (?i) at its start makes upper and lower case the same",
}
MAX_NODES = 1_000


@dataclass(slots=True)
class ConditionForm:
    """One node. path: its form field prefix (when.0.1). place: where it stands in the document (when.all[0].any[1]).

    kind: all, any, not (groups), leaf, or always (no condition at all, the root only). name: after metadata. or header.
    """

    path: str
    kind: str = "leaf"
    field: str = ""
    name: str = ""
    op: str = ""
    values: list[str] = made(default_factory=list)
    children: list[ConditionForm] = made(default_factory=list)
    place: str = ""
    problems: list[str] = made(default_factory=list)
    own_tasks: tuple[str, ...] = ()

    @property
    def is_group(self) -> bool:
        return self.kind in GROUP_KINDS

    @property
    def full_field(self) -> str:
        return f"{self.field}.{self.name}" if self.field in NAMED_FIELDS else self.field

    @property
    def is_named(self) -> bool:
        return self.field in NAMED_FIELDS

    @property
    def control(self) -> str:
        return control_of(self.full_field, self.op)

    @property
    def operators(self) -> tuple[str, ...]:
        return operators_of(self.full_field)

    @property
    def spec(self) -> Field | None:
        """What the engine's vocabulary says about the field."""
        return known_field(self.full_field)

    @property
    def text(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def high(self) -> str:
        """The upper end of a pair."""
        return self.values[1] if len(self.values) > 1 else ""

    @property
    def chosen(self) -> list[str]:
        return list_items(self.values)

    @property
    def all_choices(self) -> tuple[str, ...]:
        """The field's choices, and chosen values that are none of them, so that nothing is dropped in silence."""
        known = self.spec.choices if self.spec else ()
        if self.field == "task":
            known = (*known, *self.own_tasks)
        return (*known, *(value for value in self.chosen if value not in known))

    @property
    def line_count(self) -> int:
        return min(max(len(self.chosen) + 1, 2), 8)

    @property
    def field_groups(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        return FIELD_GROUPS

    @property
    def hint(self) -> str:
        """How the chosen operator compares text."""
        return OPERATOR_HINTS.get(self.op, "") if self.spec and self.spec.kind == "text" else ""

    @property
    def operator_words(self) -> list[tuple[str, str]]:
        return [(op, OPERATOR_WORDS.get(op, op)) for op in self.operators]

    def offer(self, own_tasks: tuple[str, ...]) -> None:
        """Classes of the team's own are choices of every condition on the task."""
        for node in self.walk():
            node.own_tasks = own_tasks

    def walk(self) -> Iterator[ConditionForm]:
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, path: str) -> ConditionForm | None:
        return next((node for node in self.walk() if node.path == path), None)


def read_condition(fields: Fields, path: str = "when") -> ConditionForm:
    """What the form posted under path. Leaves whose operator does not fit their field get the field's first operator."""
    kind = fields.one("kind", "leaf")
    node = ConditionForm(path=path, kind=kind if kind in (*GROUP_KINDS, "always") else "leaf")
    if node.is_group:
        node.children = [read_condition(row, f"{path}.{number}") for number, row in enumerate(fields.rows())]
    elif node.kind == "leaf":
        node.field, node.name = fields.one("field"), fields.one("name")
        node.op = fields.one("op")
        is_other_field = fields.one("shown", node.field) != node.field
        if is_other_field and node.spec and node.spec.is_content:
            node.op = FIRST_FOR_CONTENT
        if node.op not in node.operators:
            wanted = PREFERRED.get(node.spec.kind if node.spec else "text", "")
            node.op = wanted if wanted in node.operators else node.operators[0]
        node.values = [value.replace("\r\n", "\n") for value in fields.at("value").values]
    return node


def condition_from_document(document: Any, path: str = "when") -> ConditionForm:
    """The form of a stored condition. A negated list of two or more is one `not` group."""
    if not isinstance(document, Mapping) or not document:
        return ConditionForm(path, "always")
    for kind in ("all", "any"):
        if kind in document:
            return _group(path, kind, document[kind])
    if "not" in document:
        inner = document["not"]
        several = isinstance(inner, Mapping) and isinstance(inner.get("any"), list) and len(inner["any"]) > 1
        return _group(path, "not", inner["any"] if several else [inner])
    full = str(document.get("field", ""))
    head, _, tail = full.partition(".")
    known, name = (head, tail) if head in NAMED_FIELDS else (full, "")
    op = str(document.get("op", ""))
    return ConditionForm(path, "leaf", known, name, op, write_value(full, op, document.get("value")))


def _group(path: str, kind: str, children: Iterable[Any]) -> ConditionForm:
    node = ConditionForm(path, kind)
    node.children = [condition_from_document(child, f"{path}.{number}") for number, child in enumerate(children)]
    return node


def condition_document(node: ConditionForm, place: str = "when") -> Any:
    """The document of the form; sets each node's place and its own problems (a value that is no number, an empty group)."""
    node.place, node.problems = place, []
    if node.kind == "always":
        return None
    if node.kind == "leaf":
        return _leaf_document(node)
    if not node.children:
        node.problems.append("Add a condition to this group, or remove the group.")
    if node.kind == "not" and len(node.children) == 1:
        return {"not": condition_document(node.children[0], f"{place}.not")}
    kind, inner = ("any", f"{place}.not.any") if node.kind == "not" else (node.kind, f"{place}.{node.kind}")
    children = [condition_document(child, f"{inner}[{number}]") for number, child in enumerate(node.children)]
    return {"not": {"any": children}} if node.kind == "not" else {kind: children}


def _leaf_document(node: ConditionForm) -> dict[str, Any]:
    if not node.field:
        node.problems.append("Choose what to look at.")
    if node.is_named and not node.name:
        node.problems.append(f"Name the {'metadata key' if node.field == 'metadata' else 'header'}.")
    value, problem = read_values(node.full_field, node.op, node.values)
    if problem:
        node.problems.append(problem)
    return {"field": node.full_field, "op": node.op, "value": value}


def first_leaf(path: str) -> ConditionForm:
    return ConditionForm(path, "leaf", FIRST_LEAF[0], "", FIRST_LEAF[1])


def edit_condition(root: ConditionForm, move: str, path: str) -> ConditionForm:
    """One press of a button: condition and group add below a group; remove takes a node out; wrap puts one inside a new group."""
    node = root.find(path)
    if node is None or sum(1 for _ in root.walk()) >= MAX_NODES:
        return root
    if move == "remove":
        root = _without(root, path)
    elif move == "wrap":
        root = _replaced(root, path, ConditionForm(path, "all", children=[node, first_leaf("")]))
    elif move in ("condition", "group"):
        fresh = first_leaf("") if move == "condition" else ConditionForm("", "any", children=[first_leaf("")])
        if node.is_group:
            node.children.append(fresh)
        elif node.kind == "always":
            root = _replaced(root, path, ConditionForm(path, "all", children=[fresh]))
        else:
            root = _replaced(root, path, ConditionForm(path, "all", children=[node, fresh]))
    _renumber(root, root.path)
    return root


def _without(root: ConditionForm, path: str) -> ConditionForm:
    if root.path == path:
        return ConditionForm(path, "always")
    for node in root.walk():
        node.children = [child for child in node.children if child.path != path]
    return root


def _replaced(root: ConditionForm, path: str, fresh: ConditionForm) -> ConditionForm:
    if root.path == path:
        return fresh
    for node in root.walk():
        node.children = [fresh if child.path == path else child for child in node.children]
        if fresh in node.children:
            break
    return root


def _renumber(node: ConditionForm, path: str) -> None:
    node.path = path
    for number, child in enumerate(node.children):
        _renumber(child, f"{path}.{number}")


def place_problems(root: ConditionForm, problems: Mapping[str, str]) -> set[str]:
    """Put each problem at the node whose place is the longest start of its path; returns the paths that found one."""
    nodes = {node.place: node for node in root.walk()}
    placed = set()
    for path, message in problems.items():
        place = path
        while place and place not in nodes:
            place = re.sub(r"(\[[^\[\]]*\]|\.?[^.\[\]]+)\Z", "", place)
        if place and (place == path or path.startswith(place)):
            if not nodes[place].problems:
                nodes[place].problems.append(message)
            placed.add(path)
    return placed
