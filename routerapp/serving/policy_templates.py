"""Documents a new policy can start from. Plain data: each is publishable on a catalogue that has a priced deployment."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from routerapp.serving.refusals import invalid

TEMPLATES: Mapping[str, Mapping[str, Any]] = {
    "blank": {"rules": [], "default": {"pool": ["all"], "strategy": {"kind": "cheapest"}}},
    "balanced": {
        "rules": [],
        "default": {
            "pool": ["all"],
            "strategy": {"kind": "balanced", "weights": {"quality": 0.5, "cost": 0.2, "latency": 0.3}},
            "fallbacks": ["all"],
        },
    },
    "by-task": {
        "rules": [
            {
                "id": "hard-work",
                "name": "Hard code and maths to the most capable",
                "when": {
                    "all": [
                        {"field": "task", "op": "in", "value": ["code", "math", "reasoning"]},
                        {"field": "complexity", "op": "gte", "value": 0.5},
                    ]
                },
                "use": {"pool": ["all"], "strategy": {"kind": "capability", "weights": {"accuracy": 1}}},
            }
        ],
        "default": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
    },
}


def template_document(template: str, slug: str) -> dict[str, Any]:
    """A fresh document of this template for this policy."""
    if template not in TEMPLATES:
        raise invalid("template", "unknown_template", f"Templates are: {', '.join(sorted(TEMPLATES))}.")
    return {
        "schema": 1,
        "policy": slug,
        "timezone": "UTC",
        "constraints": {},
        **copy.deepcopy(dict(TEMPLATES[template])),
    }
