"""One target's result as the playground shows it: the decision in words, each rule's verdict, candidates, estimate, code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.prediction_lines import PredictionPanel, prediction_panel
from dashboard.presenters import CandidateLine, candidate_lines, headline, words_for
from routerapp.engine.types import Decision, Features
from routerapp.engine.verdicts import Verdict
from routerapp.serving.simulate import Simulation


@dataclass(frozen=True, slots=True)
class RuleLine:
    """is_winner: this one decides. is_behind: it matches, but an earlier rule has decided."""

    name: str
    words: str
    tone: str
    is_winner: bool
    is_behind: bool


@dataclass(slots=True)
class Column:
    """problem stands instead of a decision; answer is set when the prompt was run without JavaScript."""

    target: str
    label: str
    samples: Mapping[str, str]
    problem: str = ""
    headline: str = ""
    outcome: str = ""
    chosen: str = ""
    strategy: str = ""
    reject: str = ""
    cost_nusd: int | None = None
    ttft_ms: float | None = None
    features: Features | None = None
    rules: list[RuleLine] = field(default_factory=list)
    candidates: list[CandidateLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    predicted: PredictionPanel | None = None
    answer: dict[str, Any] | None = None
    seed: int | None = None


def failed_column(target: str, label: str, problem: str, samples: Mapping[str, str]) -> Column:
    return Column(target, label, samples, problem=problem)


def routed_column(target: str, label: str, simulation: Simulation, samples: Mapping[str, str]) -> Column:
    decision = simulation.decision
    lines = candidate_lines(decision)
    first = next((one for one in lines if one.is_chosen), None)
    return Column(
        target,
        label,
        samples,
        headline=headline(decision),
        outcome=decision.outcome,
        chosen=first.deployment if first else "",
        strategy=decision.strategy,
        reject=decision.reject_message or "",
        cost_nusd=first.cost_nusd if first else None,
        ttft_ms=first.ttft_ms if first else None,
        features=decision.features,
        rules=_rules(simulation),
        candidates=lines,
        notes=_notes(target, decision),
        predicted=prediction_panel(decision),
        seed=decision.seed,
    )


def _rules(simulation: Simulation) -> list[RuleLine]:
    """In order; the first that matches wins, the default when none does."""
    lines, has_winner = [], False
    for rule in simulation.rules:
        matches = rule.verdict == Verdict.RULE_MATCHED
        tone = "ok" if matches and not has_winner else "warn" if rule.verdict == Verdict.RULE_UNKNOWN else ""
        lines.append(
            RuleLine(
                rule.name or rule.rule,
                words_for(rule.verdict),
                tone,
                matches and not has_winner,
                matches and has_winner,
            )
        )
        has_winner = has_winner or matches
    if simulation.rules or simulation.decision.rule == "default":
        words = "Used" if not has_winner else "Not reached"
        lines.append(RuleLine("Default", words, "" if has_winner else "ok", not has_winner, False))
    return lines


def _notes(target: str, decision: Decision) -> list[str]:
    notes = []
    if target.startswith("draft:"):
        notes.append("A draft is not live: Run sends the prompt straight to the deployment it chose.")
    if decision.experiment is not None:
        notes.append(f"Experiment {decision.experiment.name}: arm {decision.experiment.arm}.")
    return notes
