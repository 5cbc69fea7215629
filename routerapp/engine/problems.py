"""What is wrong with a document, as data: where, a stable code, and a sentence for the person who wrote it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """path is written as people read it: rules[1].when.all[0].value."""

    path: str
    code: str
    message: str


class PolicyError(ValueError):
    """A policy document that cannot be used, with every problem found in one pass."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems


class ConfigError(ValueError):
    """A configuration document that cannot be used."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems
