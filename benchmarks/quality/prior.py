"""Trains the prior that is shipped, and says how good it is out of sample: `python -m benchmarks.quality.prior [--data FOLDER] [--write]`.

Judged on prompts outside its training: as the predictor of each pool, of which it has seen other models' outcomes at most.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from routerapp.learning import artefact
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.prior import ADDRESS_FILE, FILE, TIERS, tier_outcomes
from routerapp.learning.reading import read_prompts
from routerapp.learning.training import train
from routerapp.store.benchmark_files import read_outcomes

SETS = ("mmlu-pro", "zeroeval", "reasoning-gym", "routellm")
# What is shipped with every copy of the product should be small: 3 MB instead of 27, for a thousandth of squared error.
MOST_NGRAMS = 8_192
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "routing"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.quality.prior", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--write", action="store_true", help="put the trained prior where the product reads it")
    given = parser.parse_args(arguments)
    files = {name: given.data / f"{name}.parquet" for name in SETS}
    if missing := [str(file) for file in files.values() if not file.exists()]:
        print(f"Nothing was measured: {missing[0]} is not there. Name the folder of the data with --data.")
        return 2
    sets = [read_outcomes([file]) for file in files.values()]
    print(json.dumps(_held_back(sets), indent=2))
    if given.write:
        outcomes = tier_outcomes(sets)
        content, address = artefact.write(train(outcomes, read_prompts(outcomes.prompts), most_ngrams=MOST_NGRAMS))
        FILE.write_bytes(content)
        ADDRESS_FILE.write_text(address + "\n")
        print(f"{FILE.name}: {len(outcomes):,} prompts, {len(content):,} bytes, sha256 {address}")
    return 0


def _held_back(sets: list[Outcomes]) -> dict[str, object]:
    """Of a third of the groups kept out of training: how well tier and task foresee quality, beside what tier alone says."""
    tiered = tier_outcomes(sets)
    out = np.array([int(group[8:16], 16) % 3 == 0 for group in tiered.groups])
    learnt = tiered.rows(~out)
    predictor = artefact.Predictor(train(learnt, read_prompts(learnt.prompts), most_ngrams=MOST_NGRAMS))
    kept = tiered.rows(out)
    predicted, _ = predictor.predict_many(read_prompts(kept.prompts))
    plain = np.broadcast_to(np.nanmean(learnt.quality, axis=0), predicted.shape)
    report: dict[str, object] = {}
    for name in sorted(set(kept.datasets)):
        rows = np.array([dataset == name for dataset in kept.datasets])
        report[name] = {
            "prompts": int(rows.sum()),
            "mean squared error": _error(predicted[rows], kept.quality[rows]),
            "of the tiers' means alone": _error(np.asarray(plain)[rows], kept.quality[rows]),
            "gain of strong over weak, correlation": _correlation(predicted[rows], kept.quality[rows]),
        }
    return report


def _error(predicted: np.ndarray, quality: np.ndarray) -> float:
    return round(float(np.nanmean((predicted - quality) ** 2)), 4)


def _correlation(predicted: np.ndarray, quality: np.ndarray) -> float:
    weak, strong = TIERS.index("weak"), TIERS.index("strong")
    true, said = quality[:, strong] - quality[:, weak], predicted[:, strong] - predicted[:, weak]
    known = ~np.isnan(true)
    return round(float(np.corrcoef(true[known], said[known])[0, 1]), 3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
