"""The graded prompts that routing quality is measured on: files of a folder beside the project, each read once; and how they are divided."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.quality.pools import Pool
from routerapp.learning.outcomes import Outcomes
from routerapp.store.benchmark_files import read_outcomes

PROJECT = Path(__file__).resolve().parent.parent.parent
FOLDER = PROJECT.parent / "shared" / "data" / "routing"
TRAINED_PERCENT = 70


class DataMissing(Exception):
    """The folder or a file of it is not there."""


class BenchmarkData:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Outcomes] = {}
        if not folder.is_dir():
            raise DataMissing(
                f"{folder} is not there: without graded prompts there is nothing to measure. Name their folder with --data."
            )

    def of(self, pool: Pool) -> Outcomes:
        """The pool's prompts and models. Raises DataMissing where its file is not in the folder."""
        path = self.folder / pool.file
        if pool.file not in self._read:
            if not path.is_file():
                raise DataMissing(f"{path} is not there; the pool {pool.name} is measured on it.")
            self._read[pool.file] = read_outcomes([path])
        return pool.of(self._read[pool.file])


def divided(outcomes: Outcomes, split: int = 0) -> tuple[Outcomes, Outcomes]:
    """(train, test) by group: 70 of 100 buckets of the group's hash, shifted by 29 for each further split, so no question is on both sides."""
    bucket = np.array([int(group[8:16], 16) % 100 for group in outcomes.groups])
    is_trained = (bucket + 29 * split) % 100 < TRAINED_PERCENT
    return outcomes.rows(is_trained), outcomes.rows(~is_trained)


def without_groups_of(outcomes: Outcomes, tested: Outcomes) -> Outcomes:
    """Only prompts whose question does not stand in `tested`."""
    seen = set(tested.groups)
    return outcomes.rows([row for row, group in enumerate(outcomes.groups) if group not in seen])
