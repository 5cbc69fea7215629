"""Where in a document's text a problem stands. Reading and writing the text is serving's (document_text.py)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from routerapp.serving.document_text import MAX_CHARACTERS as MAX_CHARACTERS
from routerapp.serving.document_text import TextProblem
from routerapp.serving.document_text import UnreadableText as UnreadableText
from routerapp.serving.document_text import read_text as read_text
from routerapp.serving.document_text import write_text as write_text

_STEPS = re.compile(r"[^.\[\]]+")


def line_of(node: yaml.Node | None, path: str) -> int | None:
    """The line of the deepest part of the path that exists: rules[1].when.all[0].value."""
    line = None
    for step in _STEPS.findall(path):
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line if line is not None else (node.start_mark.line + 1 if node is not None else None)


def place_in_text(node: yaml.Node | None, problems: Sequence[Any]) -> list[TextProblem]:
    found = [TextProblem(line_of(node, problem.path), problem.path, problem.message) for problem in problems]
    return sorted(found, key=lambda problem: (problem.line is None, problem.line or 0))


def _child(node: yaml.Node | None, step: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item.start_mark.line + 1, item
    return None
