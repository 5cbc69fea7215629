"""Reading one mapping of a document: typed, strict about wrong types and unknown keys, collecting every problem instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

from routerapp.engine.money import BadMoney, parse_usd
from routerapp.engine.problems import Problem


def is_number(value: Any) -> bool:
    """Whether it is one that a float can hold; whole numbers of any length come out of JSON."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:
        return False


def suggestion(word: str, known: Iterable[str]) -> str:
    """' Did you mean …?' or nothing."""
    near = get_close_matches(word[:64], list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


class Section:
    """One mapping at one path. Readers return None (or the default) where the key is absent or wrong."""

    def __init__(self, document: Any, path: str, problems: list[Problem], known: Sequence[str]) -> None:
        self.path = path
        self.problems = problems
        self.document: Mapping[str, Any] = {}
        if not isinstance(document, Mapping):
            self.refuse("", "wrong_type", "This must be a mapping of names to values.")
            return
        self.document = document
        for key in document:
            if key not in known:
                self.refuse(str(key), "unknown_key", f"This key is not known here.{suggestion(str(key), known)}")

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def refuse(self, key: str, code: str, message: str) -> None:
        self.problems.append(Problem(self.at(key), code, message))

    def has(self, key: str) -> bool:
        return self.document.get(key) is not None

    def require(self, key: str) -> None:
        if not self.has(key):
            self.refuse(key, "missing", "This is required.")

    def text(self, key: str, default: str | None = None, *, limit: int = 200) -> str | None:
        value = self.document.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or not value or len(value) > limit:
            self.refuse(key, "wrong_type", f"This must be text of 1 to {limit} characters.")
            return default
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.document.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(key, "wrong_type", "This must be true or false.")
            return default
        return value

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        value = self.document.get(key)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(key, "out_of_range", f"This must be a whole number from {low} to {high}.")
            return default
        return value

    def number(self, key: str, default: float | None, low: float, high: float) -> float | None:
        value = self.document.get(key)
        if value is None:
            return default
        if not is_number(value) or not low <= value <= high:
            self.refuse(key, "out_of_range", f"This must be a number from {low:g} to {high:g}.")
            return default
        return float(value)

    def money(self, key: str) -> int | None:
        value = self.document.get(key)
        if value is None:
            return None
        try:
            return parse_usd(value)
        except BadMoney as error:
            self.refuse(key, "bad_money", str(error))
            return None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of non-empty texts without repeats, in the order written; None where absent."""
        value = self.document.get(key)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
            self.refuse(key, "wrong_type", "This must be a list of texts.")
            return None
        return tuple(dict.fromkeys(value))

    def weights(self, key: str, *, whole: bool = False) -> dict[str, float]:
        """Names -> weights of zero or more, at least one of them above zero; empty where absent."""
        value = self.document.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            self.refuse(key, "wrong_type", "This must be a mapping of names to numbers.")
            return {}
        for name, weight in value.items():
            if not is_number(weight) or not 0 <= weight <= 1_000_000 or (whole and not isinstance(weight, int)):
                words = "a whole number" if whole else "a number"
                self.refuse(f"{key}.{name}", "out_of_range", f"A weight is {words} from 0 to 1000000.")
                return {}
        if not any(value.values()):
            self.refuse(key, "out_of_range", "At least one weight must be above zero.")
            return {}
        return dict(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self.document.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse(key, "wrong_type", "This must be a mapping of names to values.")
            return {}
        return value

    def items(self, key: str) -> Sequence[Any]:
        value = self.document.get(key)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            self.refuse(key, "wrong_type", "This must be a list.")
            return ()
        return value
