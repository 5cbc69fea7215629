"""Figures that others published for the same answers of the same two models. Source: RouteLLM (arXiv:2406.18665v4), tables 1 and 2.

Theirs are of the whole test set; ours of the part not trained on, and of random draws of labels where the number of labels is given.
"""

from __future__ import annotations

# (router, its training data) -> APGR, CPT50, CPT80.
ROUTELLM: dict[str, tuple[tuple[str, float, float, float], ...]] = {
    "routellm-mmlu": (
        ("random", 0.500, 0.501, 0.799),
        ("matrix factorisation, arena only", 0.524, 0.450, 0.769),
        ("BERT, + 1,500 MMLU labels", 0.572, 0.413, 0.722),
        ("causal LLM 8B, + 1,500 MMLU labels", 0.600, 0.355, 0.703),
        ("matrix factorisation, + 1,500 MMLU labels", 0.597, 0.355, 0.714),
        ("similarity ranking, + 1,500 MMLU labels", 0.603, 0.354, 0.716),
    ),
    "routellm-gsm8k": (
        ("random", 0.497, 0.500, 0.801),
        ("similarity ranking, arena only", 0.475, 0.544, 0.821),
        ("BERT, + judge labels", 0.531, 0.448, 0.791),
        ("causal LLM 8B, + judge labels", 0.622, 0.336, 0.633),
        ("matrix factorisation, + judge labels", 0.565, 0.388, 0.726),
        ("similarity ranking, + judge labels", 0.568, 0.412, 0.722),
    ),
}
