"""What a soak's product is set up with: three deployments of the mock upstream, a policy of rules, a key with limits. Python to run in its environment."""

WORKSPACE = """
import sys
import django; django.setup()
from django.conf import settings
from django.core.management import call_command
call_command("migrate", verbosity=0)
from routerapp.models import Draft
from routerapp.serving.edit_catalog import add_deployment, add_language_model, add_price, add_provider
from routerapp.serving.edit_scores import set_score
from routerapp.serving.installation import first_start
from routerapp.serving.manage_keys import create_key
from routerapp.serving.permissions import SYSTEM
from routerapp.serving.publish_policy import create_policy, publish_draft, set_default_policy
first_start(settings.ENVIRONMENT)
add_provider("mock", name="Mock", kind="openai", base_url=ADDRESS, by=SYSTEM)
for number, slug in enumerate(("alpha", "beta", "gamma")):
    add_language_model(slug, {"name": slug, "context_window": 200_000, "has_streaming": True}, by=SYSTEM)
    add_deployment(slug, {"name": slug, "upstream_model": slug}, provider="mock", language_model=slug, by=SYSTEM)
    add_price(slug, input_usd_per_mtok=str(number + 1), output_usd_per_mtok=str(number + 2), by=SYSTEM)
    set_score(slug, "accuracy", 0.6 + number / 10, by=SYSTEM)
use = {"pool": ["all"], "strategy": {"kind": "balanced", "weights": {"quality": 0.5, "cost": 0.3, "latency": 0.2}}}
rules = [
    {"id": f"r{number}", "name": f"rule {number}", "use": use, "when": {"all": [
        {"field": "task", "op": "in", "value": ["code", "math"]},
        {"field": "text", "op": "matches", "value": f"(?i)pattern number {number}"}]}}
    for number in range(5)
]
document = {"schema": 1, "policy": "soak", "timezone": "UTC", "constraints": {"max_cost_usd": 1}, "rules": rules, "default": use}
create_policy("soak", "Soak", document=document, by=SYSTEM)
draft = Draft.objects.get(policy__slug="soak")
publish_draft(draft.pk, expected_revision=draft.revision, note="", by=SYSTEM)
set_default_policy("soak", by=SYSTEM)
limits = {"requests_per_minute": 1_000_000, "daily_spend_usd": "900000", "max_parallel": 10_000}
print(create_key("Soak", scopes=["chat"], by=SYSTEM, **limits).full_key)
"""


def workspace(upstream_port: int) -> str:
    return WORKSPACE.replace("ADDRESS", repr(f"http://127.0.0.1:{upstream_port}/v1"))
