"""Documents a policy can start from: a blank one and the five of the first-run wizard. Plain data; what each asks of the catalogue, template_gaps says."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from routerapp.serving.refusals import invalid

EVERYTHING = ["all"]
CHEAPEST = {"kind": "cheapest"}
# Below this a cheap answer is not worth its price; between the invented scores of small and middling models.
QUALITY_FLOOR = 0.6
HARD_TASKS = ["code", "math", "reasoning"]
PERSONAL_DATA = ["email", "phone", "card", "iban", "ssn", "ip_address", "secret"]
HEDGE_AFTER_MS = 2_000
LOCAL_TAG = "tag:local"

_BALANCED = {
    "pool": EVERYTHING,
    "strategy": {"kind": "balanced", "weights": {"quality": 0.5, "cost": 0.2, "latency": 0.3}},
    "fallbacks": EVERYTHING,
}
TEMPLATES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "blank": {"rules": [], "default": {"pool": EVERYTHING, "strategy": CHEAPEST}},
        "balanced": {"rules": [], "default": _BALANCED},
        "cheapest-good": {
            "constraints": {"min_quality": QUALITY_FLOOR},
            "rules": [],
            "default": {"pool": EVERYTHING, "strategy": CHEAPEST, "fallbacks": EVERYTHING},
        },
        "by-task": {
            "rules": [
                {
                    "id": "hard-work",
                    "name": "Code, mathematics and reasoning to the most capable",
                    "when": {"field": "task", "op": "in", "value": HARD_TASKS},
                    "use": {
                        "pool": EVERYTHING,
                        "strategy": {"kind": "capability", "weights": {"accuracy": 1}},
                        "fallbacks": EVERYTHING,
                    },
                }
            ],
            "default": {"pool": EVERYTHING, "strategy": CHEAPEST, "fallbacks": EVERYTHING},
        },
        "personal-data-stays": {
            "rules": [
                {
                    "id": "personal-data",
                    "name": "Personal data stays here",
                    "when": {"field": "pii", "op": "intersects", "value": PERSONAL_DATA},
                    "use": {"pool": [LOCAL_TAG], "strategy": CHEAPEST},
                }
            ],
            "default": _BALANCED,
        },
        "fast-reliable": {
            "rules": [],
            "default": {
                "pool": EVERYTHING,
                "strategy": {"kind": "fastest"},
                "fallbacks": EVERYTHING,
                "retries": 1,
                "hedge": {"after_ms": HEDGE_AFTER_MS},
            },
        },
    }
)
# In the order people are shown them.
OFFERED = ("balanced", "cheapest-good", "by-task", "personal-data-stays", "fast-reliable")


def template_document(template: str, slug: str, *, stays: str = LOCAL_TAG) -> dict[str, Any]:
    """A fresh document of this template for this policy. stays: where personal data may go, tag:<tag> or region:<region>."""
    if template not in TEMPLATES:
        raise invalid("template", "unknown_template", f"Templates are: {', '.join(sorted(TEMPLATES))}.")
    document = copy.deepcopy(dict(TEMPLATES[template]))
    if template == "personal-data-stays":
        document["rules"][0]["use"].update(_kept_within(stays))
    return {"schema": 1, "policy": slug, "timezone": "UTC", "constraints": {}, **document}


def _kept_within(stays: str) -> dict[str, Any]:
    kind, _, name = stays.partition(":")
    if kind == "tag" and name:
        return {"pool": [stays]}
    if kind == "region" and name:
        return {"pool": list(EVERYTHING), "constraints": {"regions": [name]}}
    raise invalid("stays", "unknown_place", f"{stays[:60]!r} is no place: write tag:<tag> or region:<region>.")
