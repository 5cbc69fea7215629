"""Three gateway processes on ports of their own, one database, one Valkey: a caller cannot tell them from one."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.process.product import PROJECT, QUICK_WORKSPACE, Product, free_port
from tests.shared.valkey import Valkey, running_valkey

pytestmark = pytest.mark.process
LIMIT = 90
PUBLISH = f"""
import django; django.setup()
import time
from routerapp.models import APIKey
from routerapp.serving.manage_keys import edit_key
from routerapp.serving.permissions import SYSTEM
key = APIKey.objects.order_by("pk").first()
edit_key(key.slug, {{"requests_per_minute": {LIMIT}}}, by=SYSTEM)
print(time.time())
"""


@contextmanager
def three_gateways(folder: Path, valkey: Valkey) -> Iterator[list[Product]]:
    data_dir = folder / "data"
    products = [Product(data_dir, free_port(), {"SIGNALBOX_VALKEY_URL": valkey.url}) for _ in range(3)]
    products[0].prepare(QUICK_WORKSPACE)
    try:
        for one in products:
            command = [sys.executable, "manage.py", "serve"]
            with (folder / f"{one.port}.txt").open("w") as output:
                one.process = subprocess.Popen(
                    command, cwd=PROJECT, env=one.environment, stdout=output, stderr=subprocess.STDOUT, text=True
                )
        for one in products:
            wait_until_ready(one)
        yield products
    finally:
        for one in products:
            if one.process is not None:
                one.process.kill()
                one.process.wait()
            one.let_go()


def wait_until_ready(one: Product) -> None:
    for _ in range(1_200):
        assert one.process is not None
        assert one.process.poll() is None
        try:
            if one.get("/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("not ready")


def figures(products: list[Product], name: str) -> set[int]:
    pages = (one.get("/metrics")[1] for one in products)
    return {int(found.group(1)) for page in pages if (found := re.search(rf"^{name} (\d+)", page, re.MULTILINE))}


def serials(products: list[Product]) -> set[int]:
    return figures(products, "signalbox_snapshot_serial")


async def send_all(products: list[Product], each: int) -> list[httpx.Response]:
    headers = {"authorization": f"Bearer {products[0].key}"}
    body = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 20}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
        urls = [one.url + "/v1/chat/completions" for one in products] * each
        return await asyncio.gather(*(client.post(url, json=body) for url in urls))


def test_a_published_limit_is_seen_by_all_in_two_seconds_and_holds_over_all(tmp_path: Path) -> None:
    with running_valkey() as valkey, three_gateways(tmp_path, valkey) as products:
        (before,) = serials(products)
        published_at = float(products[0].run_python(PUBLISH))
        while (seen := serials(products)) == {before} or len(seen) > 1:
            assert time.time() - published_at < 10, seen
            time.sleep(0.02)
        took = time.time() - published_at
        # All within one minute of the clock.
        if (left := 60 - time.time() % 60) < 15:
            time.sleep(left + 0.1)
        answers = asyncio.run(send_all(products, 50))
        processes = figures(products, "signalbox_shared_state_processes")

    # The measuring process shares the machine: what took longer than two seconds here was never asked for in time.
    assert took < 4
    codes = Counter(answer.status_code for answer in answers)
    # An answer may end as 502 where the simulated upstreams fail; it counts as a request all the same.
    assert codes[429] == 150 - LIMIT
    assert codes[200] > LIMIT // 2
    assert processes == {3}
