"""Eight deployments of one mock upstream, a policy of ten rules and one key, in a fresh data folder. Prints the key last."""

from __future__ import annotations

import sys

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from routerapp.models import Draft  # noqa: E402
from routerapp.serving.edit_catalog import add_deployment, add_language_model, add_price, add_provider  # noqa: E402
from routerapp.serving.edit_scores import set_score  # noqa: E402
from routerapp.serving.installation import first_start  # noqa: E402
from routerapp.serving.manage_keys import create_key  # noqa: E402
from routerapp.serving.permissions import SYSTEM  # noqa: E402
from routerapp.serving.publish_policy import create_policy, publish_draft, set_default_policy  # noqa: E402


def main(port: int) -> None:
    call_command("migrate", verbosity=0, skip_checks=True)
    first_start(settings.ENVIRONMENT)
    add_provider("mock", name="Mock", kind="openai", base_url=f"http://127.0.0.1:{port}/v1", by=SYSTEM)
    for number in range(8):
        slug = f"mock-{number}"
        add_language_model(
            slug, {"name": slug, "context_window": 200_000, "has_tools": True, "has_streaming": True}, by=SYSTEM
        )
        add_deployment(slug, {"name": slug, "upstream_model": slug}, provider="mock", language_model=slug, by=SYSTEM)
        add_price(slug, input_usd_per_mtok=str(number + 1), output_usd_per_mtok=str(2 * number + 1), by=SYSTEM)
        set_score(slug, "accuracy", 0.5 + number / 20, by=SYSTEM)
    use = {"pool": ["all"], "strategy": {"kind": "balanced", "weights": {"quality": 0.5, "cost": 0.3, "latency": 0.2}}}
    rules = [_rule(number, use) for number in range(9)]
    rules.append(
        {"id": "last", "name": "last", "when": {"field": "prompt_tokens", "op": "gte", "value": 1}, "use": use}
    )
    document = {
        "schema": 1,
        "policy": "bench",
        "timezone": "UTC",
        "constraints": {"max_cost_usd": 1, "max_ttft_ms": 60_000},
        "rules": rules,
        "default": use,
    }
    create_policy("bench", "Bench", document=document, by=SYSTEM)
    draft = Draft.objects.get(policy__slug="bench")
    publish_draft(draft.pk, expected_revision=draft.revision, note="", by=SYSTEM)
    set_default_policy("bench", by=SYSTEM)
    sys.stdout.write(create_key("Bench", scopes=["chat"], by=SYSTEM).full_key + "\n")


def _rule(number: int, use: dict[str, object]) -> dict[str, object]:
    when = {
        "all": [
            {"field": "task", "op": "in", "value": ["code", "math"]},
            {"field": "complexity", "op": "gte", "value": number / 10},
            {"field": "text", "op": "matches", "value": f"(?i)pattern number {number}"},
        ]
    }
    return {"id": f"r{number}", "name": f"rule {number}", "when": when, "use": use}


main(int(sys.argv[1]))
