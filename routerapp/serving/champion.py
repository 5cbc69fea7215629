"""The champion gate: whether a candidate routes better than the predictor in force, with confidence, on prompts neither was trained on.

The verdict stands on the candidate's card and names the champion it was held against; promoting reads it there.
"""

from __future__ import annotations

from typing import Any

from routerapp.learning.evaluation import differences, drawn_figures
from routerapp.learning.grading import grade, predictions
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.routers import Router
from routerapp.serving.learned_router import router_of
from routerapp.store.predictors import artefact_bytes, live_predictor

DRAWS = 500
FEWEST_PROMPTS = 100


def gate_of(candidate: Router, asked: Outcomes, *, seed: int) -> dict[str, Any]:
    """champion: sha256 of the one in force, empty without one. is_better: its paired difference is above zero with 95 % confidence; None
    where nothing could be compared. difference: of dAIQ, or of the quality gained where costs are unknown; reason: in words."""
    live = live_predictor()
    if live is None:
        return {"champion": "", "is_better": None, "reason": "No predictor is in force."}
    verdict: dict[str, Any] = {"champion": live.sha256, "name": str(live), "is_better": False}
    artefact = artefact_bytes(live.sha256)
    champion = router_of(artefact or b"")
    shared = [model for model in asked.models if model in champion.models]
    if len(shared) < len(asked.models):
        missing = ", ".join(model for model in asked.models if model not in shared)
        return verdict | {"reason": f"{live} does not know {missing}: the two choose among different models."}
    graded = grade(asked, DRAWS, seed)
    if len(graded.outcomes) < FEWEST_PROMPTS:
        return verdict | {
            "reason": f"Only {len(graded.outcomes)} prompts to compare on; at least {FEWEST_PROMPTS} are needed."
        }
    drawn = [drawn_figures(graded, predictions(router, graded.outcomes)) for router in (candidate, champion.router)]
    found = differences(drawn[0], drawn[1])
    figure = "gain_over_zero" if graded.is_costed else "perf_gain"
    difference = found[figure]
    told = f"{difference.value} ({difference.low} to {difference.high}, 95 %)"
    return verdict | {
        "is_better": difference.low is not None and difference.low > 0,
        "figure": figure,
        "difference": difference.as_json(),
        "prompts": len(graded.outcomes),
        "reason": f"The difference of {'dAIQ' if graded.is_costed else 'quality gained'} on {len(graded.outcomes):,} prompts is {told}.",
    }
