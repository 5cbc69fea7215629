"""What learning from use promises, checked at full size: about half an hour. Needs the routing data beside the repository.

`python -m benchmarks learning_simulations` (named only), with LEARNING_RUNS=20 in the environment for a rough answer.
"""

from __future__ import annotations

import os

from benchmarks.learning_coverage import off_policy, poison, refusals, score_coverage
from benchmarks.learning_outcomes import FOLDER, POOLS, answers, is_there
from benchmarks.learning_year import year

RUNS = 500


def measure() -> dict[str, str]:
    runs = int(os.environ.get("LEARNING_RUNS", RUNS))
    figures = {f"scores: {name}": value for name, value in score_coverage(runs).items()}
    figures |= {f"a tenth of votes hostile, {name}": value for name, value in poison(max(4, runs // 5)).items()}
    if not is_there():
        return {
            **figures,
            "off-policy and year": f"left out: the data sets are not in {FOLDER.parent.name}/{FOLDER.name}",
        }
    for pool in POOLS:
        data = answers(pool)
        figures |= {f"off-policy, {pool}: {name}": value for name, value in off_policy(data, runs).items()}
        figures |= {f"off-policy, {pool}: {name}": value for name, value in refusals(data, max(4, runs // 5)).items()}
    return figures | {f"year, {name}": value for name, value in year(max(2, runs // 25)).items()}
