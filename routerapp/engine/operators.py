"""One compiled test per leaf. A test reads the request's values and observations and answers true, false or unknown (None)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from routerapp.engine.readings import Readings
from routerapp.engine.text_match import compile_pattern, text_matches
from routerapp.engine.vocabulary import Field

Test = Callable[[Readings, Mapping[str, bool]], bool | None]


def compile_leaf(name: str, field: Field, op: str, value: Any, leaf_id: str) -> Test:
    """The test of one checked leaf; a missing value makes it false, whatever the operator (but for exists: false)."""
    if op == "exists" and value is False:
        return inverse(compile_leaf(name, field, op, True, leaf_id))
    if field.is_family:
        return _stored_or_observed(name, op, value, leaf_id)
    if field.is_content:
        return _observed(leaf_id)
    test = _EXACT[op](name, value) if op in _EXACT else _COMPILERS[field.kind](name, op, value)
    return _fail_closed(test) if name == "pii" else test


def _eq(name: str, wanted: Any) -> Test:
    return lambda readings, _: bool(readings.get(name) == wanted)


def _ne(name: str, wanted: Any) -> Test:
    return lambda readings, _: (found := readings.get(name)) is not None and bool(found != wanted)


def _in(name: str, wanted: Any) -> Test:
    allowed = frozenset(wanted)
    return lambda readings, _: readings.get(name) in allowed


def _not_in(name: str, wanted: Any) -> Test:
    refused = frozenset(wanted)
    return lambda readings, _: (found := readings.get(name)) is not None and found not in refused


def _exists(name: str, _: Any) -> Test:
    return lambda readings, _: readings.get(name) not in (None, "", ())


def _number_test(name: str, op: str, value: Any) -> Test:
    if op == "gt":
        return lambda readings, _: (found := readings.get(name)) is not None and bool(found > value)
    if op == "gte":
        return lambda readings, _: (found := readings.get(name)) is not None and bool(found >= value)
    if op == "lt":
        return lambda readings, _: (found := readings.get(name)) is not None and bool(found < value)
    if op == "lte":
        return lambda readings, _: (found := readings.get(name)) is not None and bool(found <= value)
    low, high = value
    return lambda readings, _: (found := readings.get(name)) is not None and bool(low <= found <= high)


def _text_test(name: str, op: str, value: Any) -> Test:
    if op == "matches":
        pattern = compile_pattern(value)
        return lambda readings, _: (found := readings.get(name)) is not None and pattern.search(found) is not None
    return lambda readings, _: (found := readings.get(name)) is not None and text_matches(op, value, found)


def _set_test(name: str, op: str, value: Any) -> Test:
    wanted = frozenset((value,) if op == "contains" else value)
    return lambda readings, _: not wanted.isdisjoint(readings.get(name) or ())


def _observed(leaf_id: str) -> Test:
    return lambda _, observations: observations.get(leaf_id)


def _stored_or_observed(name: str, op: str, value: Any, leaf_id: str) -> Test:
    def test(readings: Readings, observations: Mapping[str, bool]) -> bool | None:
        found = readings.get(name)
        if found is None:
            return observations.get(leaf_id, False)
        return text_matches(op, value, found)

    return test


def _fail_closed(test: Test) -> Test:
    return lambda readings, observations: not readings["scan_complete"] or test(readings, observations)


def inverse(test: Test) -> Test:
    """Kleene's negation: unknown stays unknown."""

    def negated(readings: Readings, observations: Mapping[str, bool]) -> bool | None:
        truth = test(readings, observations)
        return None if truth is None else not truth

    return negated


def never(readings: Readings, observations: Mapping[str, bool]) -> bool:
    """The test of a disabled rule, and of a leaf that was refused."""
    return False


def every(tests: tuple[Test, ...]) -> Test:
    """Kleene's conjunction: one false decides, else one unknown leaves it unknown."""

    def test(readings: Readings, observations: Mapping[str, bool]) -> bool | None:
        truth: bool | None = True
        for part in tests:
            found = part(readings, observations)
            if found is None:
                truth = None
            elif not found:
                return False
        return truth

    return test


def some(tests: tuple[Test, ...]) -> Test:
    """Kleene's disjunction: one true decides, else one unknown leaves it unknown."""

    def test(readings: Readings, observations: Mapping[str, bool]) -> bool | None:
        truth: bool | None = False
        for part in tests:
            found = part(readings, observations)
            if found is None:
                truth = None
            elif found:
                return True
        return truth

    return test


_EXACT: dict[str, Callable[[str, Any], Test]] = {"eq": _eq, "ne": _ne, "in": _in, "not_in": _not_in, "exists": _exists}
_COMPILERS: dict[str, Callable[[str, str, Any], Test]] = {"number": _number_test, "text": _text_test, "set": _set_test}
