"""A workspace of Signalbox in a fresh data folder, with the features named: `workspace.py MOCK_PORT deployments,rules,…`. Prints the key last.
`workspace.py base` only makes the database, to be copied.

deployments: eight instead of one, ranked by `balanced`. rules: ten, of which the last matches, and two constraints. limits: requests, tokens,
parallel requests and budgets, on key and team. experiment: a split of two arms where the request ends up.
"""

from __future__ import annotations

import sys
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from routerapp.models import Draft  # noqa: E402
from routerapp.serving.edit_catalog import add_deployment, add_language_model, add_price, add_provider  # noqa: E402
from routerapp.serving.edit_scores import set_score  # noqa: E402
from routerapp.serving.edit_teams import add_team  # noqa: E402
from routerapp.serving.installation import first_start  # noqa: E402
from routerapp.serving.manage_keys import create_key  # noqa: E402
from routerapp.serving.permissions import SYSTEM  # noqa: E402
from routerapp.serving.publish_policy import create_policy, publish_draft, set_default_policy  # noqa: E402

FEATURES = ("deployments", "rules", "limits", "experiment")
# So wide that nothing is refused: what is measured is the keeping of books.
LIMITS = {
    "requests_per_minute": 1_000_000,
    "tokens_per_minute": 10_000_000_000,
    "max_parallel": 100_000,
    "daily_spend_usd": "1000000",
    "monthly_spend_usd": "1000000",
}


def main(port: int, features: frozenset[str]) -> None:
    if unknown := features - set(FEATURES):
        sys.exit(f"{', '.join(sorted(unknown))}: no feature of this workspace. There are: {', '.join(FEATURES)}.")
    make_base()
    _add_catalogue(port, 8 if "deployments" in features else 1)
    create_policy("bench", "Bench", document=_document(features), by=SYSTEM)
    draft = Draft.objects.get(policy__slug="bench")
    publish_draft(draft.pk, expected_revision=draft.revision, note="", by=SYSTEM)
    set_default_policy("bench", by=SYSTEM)
    limits = LIMITS if "limits" in features else {}
    add_team("bench", {"name": "Bench", **limits}, by=SYSTEM)
    sys.stdout.write(create_key("Bench", scopes=["chat"], team="bench", by=SYSTEM, **limits).full_key + "\n")


def make_base() -> None:
    call_command("migrate", verbosity=0, skip_checks=True)
    first_start(settings.ENVIRONMENT)


def _add_catalogue(port: int, deployments: int) -> None:
    add_provider("mock", name="Mock", kind="openai", base_url=f"http://127.0.0.1:{port}/v1", by=SYSTEM)
    for number in range(deployments):
        slug = f"mock-{number}"
        add_language_model(
            slug, {"name": slug, "context_window": 200_000, "has_tools": True, "has_streaming": True}, by=SYSTEM
        )
        add_deployment(slug, {"name": slug, "upstream_model": slug}, provider="mock", language_model=slug, by=SYSTEM)
        add_price(slug, input_usd_per_mtok=str(number + 1), output_usd_per_mtok=str(2 * number + 1), by=SYSTEM)
        set_score(slug, "accuracy", 0.5 + number / 20, by=SYSTEM)


def _document(features: frozenset[str]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "schema": 1,
        "policy": "bench",
        "timezone": "UTC",
        "rules": [],
        "default": _use(features),
    }
    if "rules" in features:
        document["constraints"] = {"max_cost_usd": 1, "max_ttft_ms": 60_000}
        last = {"field": "prompt_tokens", "op": "gte", "value": 1}
        document["rules"] = [_rule(number) for number in range(9)]
        document["rules"].append({"id": "last", "name": "last", "when": last, "use": _use(features)})
    return document


def _use(features: frozenset[str]) -> dict[str, Any]:
    weights = {"quality": 0.5, "cost": 0.3, "latency": 0.2}
    strategy: dict[str, Any] = (
        {"kind": "balanced", "weights": weights} if "deployments" in features else {"kind": "ordered"}
    )
    if "experiment" in features:
        arms = [{"name": name, "weight": 1, "use": {"strategy": strategy}} for name in ("control", "treatment")]
        strategy = {"kind": "split", "experiment": "bench", "by": "unit", "arms": arms}
    return {"pool": ["all"], "strategy": strategy}


def _rule(number: int) -> dict[str, Any]:
    when = {
        "all": [
            {"field": "task", "op": "in", "value": ["code", "math"]},
            {"field": "complexity", "op": "gte", "value": number / 10},
            {"field": "text", "op": "matches", "value": f"(?i)pattern number {number}"},
        ]
    }
    return {"id": f"r{number}", "name": f"rule {number}", "when": when, "use": _use(frozenset())}


if __name__ == "__main__":
    if sys.argv[1:] == ["base"]:
        make_base()
    else:
        main(int(sys.argv[1]), frozenset(part for part in sys.argv[2].split(",") if part))
