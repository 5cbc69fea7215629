"""Whether a JSON value has the shape that types describe: the vendors' own, as their SDKs publish them. Knows nothing of the product.

Strict where the SDKs are lax: a member that a TypedDict does not name is refused, as the vendors' servers do.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from typing_extensions import ReadOnly, is_typeddict

_WRAPPERS = (Required, NotRequired, ReadOnly)
_PLAIN = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}
# Members whose value says which of several types is meant.
_TAGS = ("type", "role")


@dataclass(frozen=True)
class Fault:
    """where: the path of the value; kind: unknown, missing or wrong."""

    where: tuple[str | int, ...]
    kind: str

    @property
    def path(self) -> str:
        return ".".join(map(str, self.where))


def fault_in(value: Any, hint: Any, where: tuple[str | int, ...] = ()) -> Fault | None:
    """The first thing in value that is not as hint says."""
    origin = get_origin(hint)
    if origin in _WRAPPERS:
        return fault_in(value, get_args(hint)[0], where)
    if hint is Any or hint is object:
        return None
    if is_typeddict(hint):
        return _object_fault(value, hint, where)
    if origin in (Union, types.UnionType):
        return _union_fault(value, get_args(hint), where)
    if origin is Literal:
        return (
            None if any(value == one and type(value) is type(one) for one in get_args(hint)) else Fault(where, "wrong")
        )
    if hint is None or hint is type(None):
        return None if value is None else Fault(where, "wrong")
    if hint in _PLAIN:
        is_right = isinstance(value, _PLAIN[hint]) and (hint is bool or not isinstance(value, bool))
        return None if is_right else Fault(where, "wrong")
    return _container_fault(value, hint, origin, where)


def _container_fault(value: Any, hint: Any, origin: Any, where: tuple[str | int, ...]) -> Fault | None:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            return Fault(where, "wrong")
        inner = get_args(hint)[1]
        return _first(fault_in(one, inner, (*where, name)) for name, one in value.items())
    if isinstance(origin, type) and hasattr(origin, "__iter__"):
        if not isinstance(value, list):
            return Fault(where, "wrong")
        return _first(fault_in(one, get_args(hint)[0], (*where, index)) for index, one in enumerate(value))
    # Classes that only exist inside an SDK, such as open files: never JSON.
    return Fault(where, "wrong")


def _object_fault(value: Any, hint: Any, where: tuple[str | int, ...]) -> Fault | None:
    if not isinstance(value, dict):
        return Fault(where, "wrong")
    members = _members(hint)
    for name, inner in members.items():
        if get_origin(inner) is Required and name not in value:
            return Fault((*where, name), "missing")
    is_open = getattr(hint, "__pydantic_config__", {}).get("extra") == "allow"
    for name, one in value.items():
        if name in members:
            if (fault := fault_in(one, members[name], (*where, name))) is not None:
                return fault
        elif not is_open:
            return Fault((*where, name), "unknown")
    return None


def _union_fault(value: Any, choices: Sequence[Any], where: tuple[str | int, ...]) -> Fault | None:
    """What is wrong with the alternative that was meant, where a tag says which, so that the fault names the member."""
    faults = [(choice, fault_in(value, choice, where)) for choice in choices]
    if any(fault is None for _, fault in faults):
        return None
    meant = [fault for choice, fault in faults if fault and is_typeddict(choice) and _is_tagged(value, choice)]
    deep = max((fault for _, fault in faults if fault), key=lambda fault: len(fault.where))
    return meant[0] if meant else (deep if isinstance(value, list) else Fault(where, "wrong"))


def _is_tagged(value: Any, choice: Any) -> bool:
    members = _members(choice)
    tags = [tag for tag in _TAGS if tag in members]
    return isinstance(value, dict) and bool(tags) and all(fault_in(value.get(t), members[t]) is None for t in tags)


def _first(faults: Iterator[Fault | None]) -> Fault | None:
    return next((fault for fault in faults if fault is not None), None)


@cache
def _members(hint: Any) -> dict[str, Any]:
    return get_type_hints(hint, include_extras=True)
