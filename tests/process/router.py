"""A running product with three quick simulated deployments, and a client that changes and asks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.process.product import Product, a_product

MODELS = ("alpha", "beta", "gamma")
SETUP = """
from django.conf import settings
from routerapp.management.banner import keep_first_key
from routerapp.serving.installation import first_start
keep_first_key(settings.ENVIRONMENT, first_start(settings.ENVIRONMENT))
"""
IMPORTS = """
from routerapp.models import Deployment, Draft, Policy
from routerapp.serving.edit_catalog import *
from routerapp.serving.edit_scores import set_score
from routerapp.serving.permissions import SYSTEM
from routerapp.serving.publish_policy import create_policy, create_draft, save_draft, publish_draft
quick = {"ttft_ms": {"p50": 8, "p95": 9}, "tokens_per_second": 20000, "output_tokens": {"mean": 8, "max": 12}}
def publish(slug, use):
    document = {"schema": 1, "policy": slug, "timezone": "UTC", "constraints": {}, "rules": [], "default": use}
    if not Policy.objects.filter(slug=slug).exists():
        create_policy(slug, slug, document=document, by=SYSTEM)
        draft = Draft.objects.get(policy__slug=slug)
    else:
        draft = create_draft(slug, by=SYSTEM)
        draft = save_draft(draft.pk, document, expected_revision=draft.revision, by=SYSTEM)
    publish_draft(draft.pk, expected_revision=draft.revision, note="test", by=SYSTEM)
"""
CATALOG = """
add_provider("sim", name="Simulated", kind="simulated", by=SYSTEM)
for number, slug in enumerate(("alpha", "beta", "gamma")):
    add_language_model(slug, {"name": slug, "context_window": 100000, "has_streaming": True}, by=SYSTEM)
    add_deployment(slug, {"name": slug, "upstream_model": slug, "simulation": {**quick, "seed": number}}, provider="sim", language_model=slug, by=SYSTEM)
"""
VALUES = """
for number, slug in enumerate(("alpha", "beta", "gamma")):
    add_price(slug, input_usd_per_mtok=str(number + 1), output_usd_per_mtok=str(number + 1), by=SYSTEM)
    for dimension in ("accuracy", "code", "math", "creativity"):
        set_score(slug, dimension, 0.9 - number / 10, by=SYSTEM)
"""
RESET = f"""{VALUES}
for number, slug in enumerate(("alpha", "beta", "gamma")):
    edit_deployment(slug, {{"simulation": {{**quick, "seed": number}}, "is_enabled": True, "tokens_per_minute": None}}, by=SYSTEM)
"""


class Router:
    def __init__(self, product: Product) -> None:
        self.product = product
        self.client = httpx.Client(
            base_url=product.url, headers={"Authorization": f"Bearer {product.key}"}, timeout=30, trust_env=False
        )

    def change(self, code: str) -> None:
        self.product.change(IMPORTS + code)

    def reset(self) -> None:
        """As it was made: what a test has changed, or left half changed, is nobody else's matter. Whoever changes next waits for it."""
        self.product.run_python(IMPORTS + RESET)

    def publish(self, slug: str, use: dict[str, object]) -> str:
        self.change(f"publish({slug!r}, {use!r})")
        return f"policy/{slug}"

    def ask(self, name: str, prompt: str = "hello there", **extras: object) -> str:
        body = {"model": name, "messages": [{"role": "user", "content": prompt}], **extras}
        answer = self.client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.headers["x-router-model"])

    def count(self, name: str, times: int, **extras: object) -> Counter[str]:
        with ThreadPoolExecutor(8) as pool:
            return Counter(pool.map(lambda _: self.ask(name, **extras), range(times)))


@contextmanager
def a_router(folder: Path) -> Iterator[Router]:
    with a_product(folder, SIGNALBOX_DEMO="0") as product:
        product.prepare(SETUP)
        product.run_python(IMPORTS + CATALOG + VALUES)
        product.start()
        router = Router(product)
        yield router
        router.client.close()


def pool(*models: str) -> list[str]:
    return [f"model:{model}" for model in models or MODELS]
