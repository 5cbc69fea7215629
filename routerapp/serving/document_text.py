"""Documents people write as text, JSON or YAML: plain data only, read without surprises and written as people write it.

Knows no document's meaning. Text that cannot be read names the line; it is never lost, because the caller still has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

MAX_CHARACTERS = 600_000


@dataclass(frozen=True, slots=True)
class TextProblem:
    """line counts from 1; None where no line is to blame."""

    line: int | None
    path: str
    message: str


class UnreadableText(ValueError):
    def __init__(self, problem: TextProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def write_text(document: Mapping[str, Any], language: str) -> str:
    if language == "yaml":
        return yaml.dump(document, sort_keys=False, allow_unicode=True, width=110, Dumper=_Dumper)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_text(text: str, most_characters: int = MAX_CHARACTERS) -> tuple[Any, yaml.Node | None]:
    """The value and its nodes, from YAML or JSON (which YAML contains). Raises UnreadableText."""
    if len(text) > most_characters:
        raise UnreadableText(TextProblem(None, "", f"A document has at most {most_characters:,} characters."))
    try:
        _refuse_too_deep(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(part for part in (error.problem, error.context) if part) or "This cannot be read."
        raise UnreadableText(TextProblem(mark.line + 1 if mark else None, "", words)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableText(TextProblem(None, "", str(error)[:300] or "This cannot be read.")) from error
    return value, node


def _refuse_too_deep(text: str) -> None:
    """The composer recurses: brackets and indentation are counted before it runs."""
    depth = 0
    for character in text:
        if character in "[{":
            depth += 1
            if depth > 200:
                raise ValueError("This nests too deeply.")
        elif character in "]}":
            depth = max(0, depth - 1)


class _Loader(yaml.SafeLoader):
    """Plain data only: no aliases (a small text could grow without end), no dates, no numbers in base 60, no repeated names."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed here", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name is plain text here", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is written twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_PLAIN = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (*_PLAIN, "tag:yaml.org,2002:merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]*)\Z"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z"),
    list("-0123456789"),
)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


class _Dumper(yaml.SafeDumper):
    """Short lists of plain values on one line, as people write them."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        is_plain = all(isinstance(one, str | int | float | bool) for one in sequence) and len(str(sequence)) < 100
        return super().represent_sequence(tag, sequence, flow_style=is_plain)

    def ignore_aliases(self, data: Any) -> bool:
        return True


# Text that either reader would take for something else is quoted: 0E0 is a number to ours, `no` a flag to many others.
_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeLoader.yaml_implicit_resolvers.get(first, ()), *_Loader.yaml_implicit_resolvers.get(first, ())]
    for first in {*yaml.SafeLoader.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
}
