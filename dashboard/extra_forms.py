"""The extras of a rule and of a policy as a form: sticky units, exploration, hedge, exact cache, the inexpressible, kept content.

What a document leaves to its default is left out again when it is written, so that opening and saving changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.form_inputs import Choice, Input
from dashboard.nested_fields import Fields, section
from routerapp.engine.extras import (
    CACHE_MODES,
    DEFAULT_CACHE_SECONDS,
    DEFAULT_STICKY_SECONDS,
    KEEP_CONTENT,
    STICKY_BY,
    STICKY_FIRST,
)

# The choice that a mapping means when it does not say.
_UNSAID = {
    "sticky.by": STICKY_BY[0],
    "sticky.first": STICKY_FIRST[0],
    "cache.mode": CACHE_MODES[0],
    "content.keep": KEEP_CONTENT[0],
}
# The input that switches its mapping on; the others of the mapping mean nothing without it.
_SWITCHES = {"sticky": "sticky.by", "cache": "cache.mode", "content": "content.keep"}


_DROP = ("drop", "leave it out and warn")


# What inputs are about, in the order they are shown: title, help, starts of their names.
_GROUPS = (
    ("Stay where it was answered last", "Uses the provider's prompt cache.", ("sticky",)),
    (
        "Explore, hedge",
        "A few requests try others; a silent upstream gets a rival, and both are paid.",
        ("explore", "hedge"),
    ),
    ("Answer from memory", "Requests equal to the letter, of the same team.", ("cache",)),
    ("What a provider cannot express", "A field of the request that its API does not have.", ("unsupported",)),
    ("Content", "Kept with personal data blotted out, to read in Requests.", ("content",)),
)


@dataclass(frozen=True, slots=True)
class ExtraGroup:
    title: str
    help: str
    inputs: list[Input]


@dataclass(slots=True)
class ExtraForm:
    """inputs by the dotted name of what they say (sticky.by). unsaid: choices the document left to their default."""

    path: str
    inputs_by_name: dict[str, Input]
    unsaid: list[str] = field(default_factory=list)

    def inputs(self) -> Iterator[Input]:
        yield from self.inputs_by_name.values()

    @property
    def groups(self) -> list[ExtraGroup]:
        found = [
            ExtraGroup(
                title, words, [one for name, one in self.inputs_by_name.items() if name.partition(".")[0] in heads]
            )
            for title, words, heads in _GROUPS
        ]
        return [group for group in found if group.inputs]

    @property
    def is_given(self) -> bool:
        """Whether anything is asked for or wrong; a choice that hangs on a switch counts with it."""
        switched = ("sticky.first",)
        return any(one.problems or (one.is_given and name not in switched) for name, one in self.inputs_by_name.items())

    @property
    def unsaid_path(self) -> str:
        return f"{self.path}.unsaid" if self.path else "unsaid"

    def read(self, fields: Fields) -> None:
        for name, one in self.inputs_by_name.items():
            head, _, key = name.rpartition(".")
            one.read(fields.at(head) if head else fields, key)
            _keep_choice(one)
        self.unsaid = [name for name in fields.one("unsaid").split() if name in _UNSAID]

    def fill(self, document: Mapping[str, Any]) -> None:
        for name, one in self.inputs_by_name.items():
            head, _, key = name.rpartition(".")
            if not head:
                one.fill(document.get(key))
                _keep_choice(one)
            elif isinstance(document.get(head), Mapping):
                given = section(document, head)
                one.fill(given.get(key, _UNSAID.get(name)))
                _keep_choice(one)
                if name in _UNSAID and key not in given:
                    self.unsaid.append(name)

    def document(self) -> dict[str, Any]:
        """Only what is said; a mapping whose switch is off is left out whole."""
        found: dict[str, Any] = {}
        for name, one in self.inputs_by_name.items():
            head, _, key = name.rpartition(".")
            if not head:
                if one.is_given:
                    found[key] = one.document()
            elif self._is_on(head):
                inner = found.setdefault(head, {})
                if one.is_given and not (name in self.unsaid and one.value == _UNSAID[name]):
                    inner[key] = one.document()
        return found

    def _is_on(self, head: str) -> bool:
        switch = self.inputs_by_name.get(_SWITCHES.get(head, ""))
        hanging = [
            one for name, one in self.inputs_by_name.items() if name.startswith(f"{head}.") and one is not switch
        ]
        numbers = [one for one in hanging if one.is_given and one.kind != "choice"]
        if switch is None:
            return bool(numbers)
        if not switch.is_given and numbers:
            switch.problems.append(f"Choose here, or empty “{numbers[0].label}”.")
        return switch.is_given


def use_extras(path: str) -> ExtraForm:
    """The extras of a rule, empty."""
    as_policy = "as the policy says"
    return _form(
        path,
        {
            "sticky.by": _choice("Keep", (("", "nothing"), ("unit", "each conversation"), ("tenant", "each team"))),
            "sticky.first": _choice("New ones go", (("hash", "by a stable hash"), ("strategy", "by the strategy"))),
            "sticky.ttl_seconds": _whole("Remembered for", "seconds", str(DEFAULT_STICKY_SECONDS)),
            "explore.share": Input("", "Explore others", "number", unit="share, up to 0.5", placeholder="0"),
            "explore.margin": Input("", "Only within", "number", unit="of the best, 0 to 1", placeholder="any"),
            "hedge.after_ms": _whole("Ask a second one after", "ms", "never"),
            "cache.mode": _choice("Answer", (("", as_policy), ("exact", "equal requests"), ("off", "never"))),
            "cache.ttl_seconds": _whole("For at most", "seconds", str(DEFAULT_CACHE_SECONDS)),
            "unsupported": _choice("Then", (("", as_policy), ("refuse", "refuse the request"), _DROP)),
        },
    )


def policy_extras() -> ExtraForm:
    """What a policy says for all its rules, empty."""
    return _form(
        "",
        {
            "cache.mode": _choice("Answer", (("", "never"), ("exact", "equal requests"))),
            "cache.ttl_seconds": _whole("For at most", "seconds", str(DEFAULT_CACHE_SECONDS)),
            "unsupported": _choice("Then", (("", "refuse the request"), _DROP)),
            "content.keep": _choice("Keep", (("", "nothing"), ("redacted", "prompts and answers"))),
            "content.days": _whole("For", "days", "as set for all"),
        },
    )


def _form(path: str, inputs: dict[str, Input]) -> ExtraForm:
    for name, one in inputs.items():
        one.path = f"{path}.{name}" if path else name
    return ExtraForm(path, inputs)


def _keep_choice(one: Input) -> None:
    """What a document writes out though it is the default, or nobody offers, stays choosable."""
    if one.kind == "choice" and one.value not in dict(one.choices):
        default = dict(one.choices).get("", "unknown")
        one.choices += ((one.value, f"{one.value} ({default})"),)


def _choice(label: str, choices: tuple[Choice, ...]) -> Input:
    return Input("", label, "choice", value=choices[0][0], choices=choices)


def _whole(label: str, unit: str, placeholder: str) -> Input:
    return Input("", label, "whole", unit=unit, placeholder=placeholder)
