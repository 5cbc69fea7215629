"""What drift was found, in words. Classes are named by task, language, length or number of the cluster, never by what anybody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from routerapp.serving.drift_found import TRAINING, WEEK

KIND_SUBJECTS = {WEEK: "requests beside the week before", TRAINING: "prompts beside those trained on"}
_DIMENSIONS = {"task": "task", "language": "language", "length": "length", "cluster": "cluster of prompts"}


def input_drift_words(against: str, moved: float, reading: Mapping[str, Any], limit: str) -> str:
    share = f"{moved * 100:.3g} %"
    if against == TRAINING:
        head = (
            f"{share} of prompts lie elsewhere than those {reading.get('predictor') or 'the predictor'} was trained on"
        )
    else:
        head = f"{share} of requests are of another kind than in the week before"
    dimension = _DIMENSIONS.get(str(reading.get("dimension")), "kind")
    before, after = (100 * float(reading.get(name, 0.0)) for name in ("before", "after"))
    most = f"most of all the {dimension} {reading.get('name', '')}: {before:.3g} % before, {after:.3g} % now"
    return f"{head}, since {_day(reading)} ({most}; {reading.get('requests', 0):,} looked at); the alert is set at {limit}."


def success_drift_words(model: str, reading: Mapping[str, Any], limit: str) -> str:
    """limit: in points of percent."""
    before, after = (100 * float(reading.get(name, 0.0)) for name in ("before", "after"))
    n = f"{reading.get('answers', 0):,}"
    if reading.get("measure") == "scores":
        what = f"its answers are judged {after:.3g} % good, where its own past lets one expect {before:.3g} %"
        of = f"{n} judged answers"
    else:
        what, of = f"{after:.3g} % of its attempts go well, {before:.3g} % did before", f"{n} attempts"
    return f"{model}: {what}, since {_day(reading)} ({of}); the alert is set at {limit} points."


def _day(reading: Mapping[str, Any]) -> str:
    return f"{datetime.fromtimestamp(int(reading.get('since_ms', 0)) / 1000, UTC):%Y-%m-%d}"
