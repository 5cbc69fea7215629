"""What the champion gate found, in words: the same on pages, in the API and in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.learning.champion import (
    HELD_BACK_ALONE,
    HELD_BACK_REFUSED,
    HELD_BACK_UNSURE,
    HELD_BACK_WORSE,
    PROMOTE,
    TRAFFIC_UNSURE,
    TRAFFIC_WORSE,
    Look,
    Verdict,
)
from routerapp.learning.off_policy import NO_ROWS, NO_SUPPORT, PROPENSITY_MISSING, TOO_FEW_EFFECTIVE

FIGURES = {"gain_over_zero": "dAIQ", "perf_gain": "quality gained"}

_VERDICTS: Mapping[str, str] = {
    PROMOTE: "Better on both halves, with confidence.",
    HELD_BACK_ALONE: "Better on the held-back prompts, with confidence; they alone decide.",
    HELD_BACK_REFUSED: "Nothing could be compared on held-back prompts.",
    HELD_BACK_WORSE: "Worse on the held-back prompts.",
    HELD_BACK_UNSURE: "Not better on the held-back prompts with confidence.",
    TRAFFIC_WORSE: "Worse on recorded traffic.",
    TRAFFIC_UNSURE: "Not better on recorded traffic with confidence.",
}
_LEFT_OUT: Mapping[str, str] = {
    "not_answered": "had no answer of a model",
    "not_kept": "did not keep their whole prompt",
    "not_recorded": "cannot be decided again",
    "not_predicted": "went by no prediction",
    "not_explored": "were not explored",
    "trained_on": "were trained on",
    "not_decidable": "cannot be decided by both",
    "unpriced": "have no known cost",
    "unsupported": "would go to a model that was never tried there",
}


def verdict_words(verdict: Verdict, held_back: str, traffic: str) -> str:
    return f"{_VERDICTS[verdict.reason]} Held-back prompts: {held_back} Recorded traffic: {traffic}"


def held_back_words(look: Look, told: Mapping[str, Any]) -> str:
    if told.get("refusal") == "other_models":
        missing = ", ".join(told["missing"])
        return f"{told['champion']} does not know {missing}: the two choose among different models."
    if told.get("refusal") == "too_few_prompts":
        return f"Only {told['questions']:,} questions to compare on; at least {told['least']:,} are needed."
    if look.difference is None:
        return f"The difference of {FIGURES[told['figure']]} has no interval on these prompts."
    return f"The difference of {FIGURES[told['figure']]} on {told['prompts']:,} prompts is {_span(told['difference'])}."


def traffic_words(found: Mapping[str, Any]) -> str:
    """Of TrafficLook.as_json."""
    why = _why_undecided(found)
    left_out = _left_out_words(found)
    if why:
        return f"Not decided: {why}{left_out}"
    effective = min(found[side]["effective"] for side in ("challenger", "champion"))
    return (
        f"The difference of judged value on {found['rows']:,} explored requests ({effective:,.0f} effective) of {found['days']} days is "
        f"{_span(found['difference'])}, doubly robust.{left_out}"
    )


def _why_undecided(found: Mapping[str, Any]) -> str:
    refusal = found["refusal"]
    if refusal is None:
        return ""
    detail = refusal["detail"]
    match refusal["code"]:
        case code if code == NO_ROWS:
            return f"too little explored traffic (no request of {found['days']} days was explored, judged and kept its prompt)."
        case code if code == TOO_FEW_EFFECTIVE:
            return (
                f"too little explored traffic ({found['rows']:,} requests, {detail['effective']:,.0f} effective; "
                f"{detail['least']:,.0f} are needed)."
            )
        case code if code == NO_SUPPORT:
            return f"on {detail.get('share', 0) * 100:.0f} % of the explored requests it would take a model that was never tried there."
        case code if code == PROPENSITY_MISSING:
            return f"{detail['rows']:,.0f} requests have no recorded probability."
    return "recorded traffic cannot tell."


def _left_out_words(found: Mapping[str, Any]) -> str:
    counts = {why: n for why, n in found["left_out"].items() if n and why in _LEFT_OUT}
    if not counts:
        return ""
    told = ", ".join(f"{counts[why]:,} {words}" for why, words in _LEFT_OUT.items() if why in counts)
    return f" Of the judged requests {told}."


def _span(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:+.4f} ({figure['low']:+.4f} to {figure['high']:+.4f}, 95 %)"
