"""Trains the shipped task head and says how good it is: `python -m benchmarks.quality.tasks [--data FOLDER] [--labelled FILE] [--write]`.

Task: on a labelled file that nothing was trained on, and on our examples outside their folds; before is what the transparent signals say.
Complexity: on a third of the graded prompts kept out, by question.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.quality.prior import DATA, SETS
from benchmarks.quality.task_data import ROOT, Labelled, demo_prompts, of_data, own_examples, together
from benchmarks.quality.task_measures import by_name, judged, rank_correlation
from routerapp.engine.task_words import TASKS
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.prior import tier_outcomes
from routerapp.learning.reading import READING, Readings, read_prompt, read_prompts
from routerapp.learning.signals import signals_of
from routerapp.learning.task_artefact import ADDRESS_FILE, FILE, write_tasks
from routerapp.learning.task_difficulty import fit_difficulty
from routerapp.learning.task_head import FittedTasks, TaskHead
from routerapp.learning.task_training import Fit, fit_tasks
from routerapp.store.benchmark_files import read_outcomes

LABELLED = ROOT / "tests" / "data" / "task_labels.jsonl"
# The first rows were read when the transparent words were written.
SEEN_ROWS = 60
SEED = 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.quality.tasks", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--labelled", type=Path, default=LABELLED)
    parser.add_argument("--write", action="store_true", help="put the trained head where the product reads it")
    given = parser.parse_args(arguments)
    files = {name: given.data / f"{name}.parquet" for name in SETS}
    if missing := [str(file) for file in (*files.values(), given.labelled) if not file.exists()]:
        print(f"Nothing was measured: {missing[0]} is not there. Name it with --data or --labelled.")
        return 2
    sets = [read_outcomes([file]) for file in files.values()]
    rows = [*own_examples(), *demo_prompts(), *of_data(sets)]
    fit = fit_tasks(TASKS, together(rows), SEED)
    of_task = _task_report(fit, rows, given.labelled)
    print(json.dumps({"task": of_task}, indent=1), flush=True)
    graded = tier_outcomes(sets)
    read = read_prompts(graded.prompts)
    seen = [signals_of(prompt) for prompt in graded.prompts]
    signals = np.stack([numbers for _, numbers in seen])
    transparent = np.array([features.complexity for features, _ in seen])
    of_complexity = _complexity(fit.fitted, graded, read, signals, transparent)
    print(json.dumps({"complexity": of_complexity}, indent=1), flush=True)
    if given.write:
        head, _ = fit_difficulty(fit.fitted, read, signals, _failure(graded), graded.groups, SEED)
        about = {
            "examples": len(rows),
            "graded": len(graded),
            "reading": READING,
            "task": of_task["labelled file"],
            "complexity": of_complexity["all"],
        }
        content, address = write_tasks(replace(head, about=about))
        ordinary = [json.loads(line)["text"] for line in given.labelled.read_text().splitlines()]
        share = np.mean([TaskHead(head).is_familiar(read_prompt(text)) for text in ordinary])
        print(
            f"Difficulty is said of {share:.0%} of the labelled file's prompts, of the others the transparent complexity stands."
        )
        FILE.write_bytes(content)
        ADDRESS_FILE.write_text(address + "\n")
        print(f"{FILE.name}: {len(content):,} bytes, sha256 {address}")
    return 0


def _task_report(fit: Fit, rows: list[Labelled], labelled: Path) -> dict[str, object]:
    own = [at for at, row in enumerate(rows) if row.source == "own"]
    best = fit.posterior.argmax(axis=1)
    said = {
        at: TASKS[best[at]] if fit.posterior[at].max() >= fit.fitted.thresholds[best[at]] else "unknown" for at in own
    }
    kept = [json.loads(line) for line in labelled.read_text().splitlines()[SEEN_ROWS:]]
    tested = [Labelled(row["text"], row["task"], row["language"], "test", "") for row in kept]
    head = TaskHead(fit.fitted)
    after = [head.say(read_prompt(row.text), signals_of(row.text)[1]) for row in tested]
    return {
        "threshold": float(fit.fitted.thresholds[0]),
        "labelled file": _compared(
            tested, [one.task or "unknown" for one in after], np.array([one.confidence for one in after])
        ),
        "our examples outside their folds": _compared(
            [rows[at] for at in own], [said[at] for at in own], fit.posterior[own].max(axis=1)
        ),
    }


def _compared(rows: list[Labelled], said: list[str], confidence: np.ndarray) -> dict[str, object]:
    features = [signals_of(row.text)[0] for row in rows]
    true, before = [row.task for row in rows], [one.task for one in features]
    languages = [row.language for row in rows]
    return {
        "signals alone": judged(true, before, np.array([one.task_confidence for one in features])),
        "trained": judged(true, said, confidence),
        "by class": {"signals alone": by_name(true, true, before), "trained": by_name(true, true, said)},
        "by language": {"signals alone": by_name(languages, true, before), "trained": by_name(languages, true, said)},
    }


def _failure(graded: Outcomes) -> np.ndarray:
    return 1.0 - np.nanmean(graded.quality, axis=1)


def _complexity(
    head: FittedTasks, graded: Outcomes, read: Readings, signals: np.ndarray, transparent: np.ndarray
) -> dict[str, object]:
    """By question: trained on two thirds of the groups, judged on the rest. By data set: trained on all others, judged on it."""
    out = np.array([int(group[8:16], 16) % 3 == 0 for group in graded.groups])
    names = np.array(graded.datasets)
    seen = Graded(graded, read, signals, transparent)
    said, familiar = _foreseen(head, seen, ~out)
    report: dict[str, object] = {"abstains": round(float(1 - familiar[out].mean()), 3)}
    report["all"] = _correlations(seen, said, out & familiar)
    for name in sorted(set(graded.datasets)):
        report[name] = _correlations(seen, said, out & familiar & (names == name))
    for name in sorted(set(graded.datasets)):
        said, familiar = _foreseen(head, seen, names != name)
        report[f"{name}, never seen"] = {
            "abstains": round(float(1 - familiar[names == name].mean()), 3),
            **_correlations(seen, said, familiar & (names == name)),
        }
    return report


@dataclass(frozen=True, slots=True)
class Graded:
    outcomes: Outcomes
    read: Readings
    signals: np.ndarray
    transparent: np.ndarray


def _foreseen(head: FittedTasks, seen: Graded, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(failure foreseen of every prompt, whether it is said) by a head that was fitted on those inside."""
    at = np.flatnonzero(inside)
    groups = [seen.outcomes.groups[place] for place in at]
    failure = _failure(seen.outcomes)[at]
    speaker = TaskHead(fit_difficulty(head, seen.read.rows(at), seen.signals[at], failure, groups, SEED)[0])
    rows = [(seen.read.one(place), seen.signals[place]) for place in range(len(inside))]
    said = np.array([np.clip(speaker.scores(reading, numbers)[-1], 0.0, 1.0) for reading, numbers in rows])
    return said, np.array([speaker.is_familiar(reading) for reading, _ in rows])


def _correlations(seen: Graded, said: np.ndarray, here: np.ndarray) -> dict[str, object]:
    true = _failure(seen.outcomes)[here]
    groups = [seen.outcomes.groups[at] for at in np.flatnonzero(here)]
    if len(true) < 10:
        return {"prompts": len(true)}
    return {
        "prompts": len(true),
        "transparent": rank_correlation(seen.transparent[here], true, groups),
        "trained": rank_correlation(said[here], true, groups),
        "mean squared error": round(float(((said[here] - true) ** 2).mean()), 4),
        "calibration error": round(_off(said[here], true), 4),
    }


def _off(said: np.ndarray, true: np.ndarray) -> float:
    place = np.clip((said * 15).astype(int), 0, 14)
    return float(sum(abs(said[place == b].mean() - true[place == b].mean()) * (place == b).mean() for b in set(place)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
