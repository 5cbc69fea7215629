"""A backup of a running installation, restored into an empty folder: the same decisions, numbers, people, keys and credentials."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.patience import wait_until
from tests.process.product import PROJECT, QUICK_WORKSPACE, Product, a_product

pytestmark = pytest.mark.process

PASSPHRASE = "a passphrase for this test"
PASSWORD = "look-at-this-1"
CREDENTIAL = "sk-credential-of-a-real-provider"
REQUESTS = 60
DAY_MS = 86_400_000
# Some instant of today, the same for every question of this run.
NOON_MS = int(time.time()) * 1000
PROMPTS = (
    "Write a python function that sorts a list.",
    "Translate this into German: good morning",
    "My card is 4111 1111 1111 1111, what now?",
    "Prove that the sum of two odd numbers is even.",
    "hello there",
)
PREPARE = f"""
import django; django.setup()
from routerapp.models import User
from routerapp.serving.edit_catalog import add_provider, set_credential
from routerapp.serving.manage_keys import create_key
from routerapp.serving.permissions import Actor
by = Actor("admin", "user", "admin")
add_provider("acme", name="Acme", kind="openai", base_url="https://api.acme.example/v1", by=by)
set_credential("acme", {CREDENTIAL!r}, by=by)
print(create_key("Management", scopes=["admin"], by=by).full_key)
"""
REPLAY = """
import json, django; django.setup()
from routerapp.models import DecisionInputs, Credential, RoutedRequest
from routerapp.serving.audit import check_chain
from routerapp.store.replay import replay_request
from routerapp.store.secrets import decrypt_credential
replayed = {i: bytes(replay_request(i).replayed).decode() if getattr(replay_request(i), "same", False) else "" for i in DecisionInputs.objects.values_list("request_id", flat=True)}
rows = dict(RoutedRequest.objects.values_list("id", "cost_nusd"))
print(json.dumps([replayed, rows, decrypt_credential("acme", Credential.objects.get().ciphertext), check_chain().is_whole]))
"""

STILL_KNOWN = f"""
import json, django; django.setup()
from django.contrib.auth import get_user_model
from routerapp.models import APIKey, Credential
from routerapp.store.secrets import check_canary, decrypt_credential, hash_key
def still(key):
    check_canary()
    user = get_user_model().objects.get(username="admin")
    credential = decrypt_credential("acme", Credential.objects.get().ciphertext)
    return json.dumps([user.check_password({PASSWORD!r}), APIKey.objects.filter(key_hash=hash_key(key)).exists(), credential])
"""


def ask(product: Product, number: int, key: str | None = None) -> httpx.Response:
    body = {"model": "auto", "messages": [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}]}
    headers = {"Authorization": f"Bearer {key or product.key}"}
    return httpx.post(f"{product.url}/v1/chat/completions", json=body, headers=headers, timeout=30, trust_env=False)


def manage(product: Product, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**product.environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def restored(backup: Path, folder: Path) -> Iterator[Product]:
    with a_product(folder) as product:
        done = manage(product, "restore", str(backup), "--json", SIGNALBOX_BACKUP_PASSPHRASE=PASSPHRASE)
        assert done.returncode == 0, done.stderr
        yield product


def overview(product: Product, key: str) -> dict[str, object]:
    answer = httpx.get(
        f"{product.url}/api/reports/overview",
        params={"from_ms": NOON_MS - DAY_MS, "to_ms": NOON_MS + DAY_MS, "origin": "live"},
        headers={"Authorization": f"Bearer {key}"},
        timeout=30,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def signs_in(product: Product, password: str) -> bool:
    with httpx.Client(base_url=product.url, timeout=30, trust_env=False) as client:
        page = client.get("/sign-in/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found
        form = {"csrfmiddlewaretoken": found.group(1), "username": "admin", "password": password}
        answer = client.post("/sign-in/", data=form, headers={"Referer": product.url})
        return answer.status_code == 302 and client.get("/").status_code == 200


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backup")
    with a_product(folder, SIGNALBOX_DEMO="0", SIGNALBOX_ADMIN_PASSWORD=PASSWORD) as product:
        product.prepare(QUICK_WORKSPACE)
        management_key = product.run_python(PREPARE).strip()
        product.start()
        for number in range(REQUESTS):
            ask(product, number)
        yield product, management_key, folder


@pytest.fixture(scope="module")
def both(original, tmp_path_factory):
    """The original, quiet, and its copy, started; made with nothing but the two commands."""
    product, management_key, folder = original
    wait_until(
        lambda: product.rows("SELECT count(*) FROM routed_request") == [(REQUESTS,)], "every request is recorded"
    )
    done = manage(product, "backup", str(folder / "quiet.backup"), "--json", SIGNALBOX_BACKUP_PASSPHRASE=PASSPHRASE)
    assert done.returncode == 0, done.stderr
    with restored(folder / "quiet.backup", tmp_path_factory.mktemp("restored")) as copy:
        copy.start()
        yield product, copy, management_key


def test_the_same_decisions_replay_and_every_cost_is_the_same(both):
    product, copy, _ = both
    replayed, rows, credential, is_whole = json.loads(product.run_python(REPLAY))
    again = json.loads(copy.run_python(REPLAY))

    assert len(rows) == REQUESTS
    assert all(replayed.values())
    assert again[:2] == [replayed, rows]
    assert (credential, again[2]) == (CREDENTIAL, CREDENTIAL)
    assert is_whole and again[3]


def test_the_overview_shows_the_same_numbers(both):
    product, copy, management_key = both
    before = overview(product, management_key)

    assert before["totals"]["requests"] == REQUESTS  # type: ignore[index]
    assert overview(copy, management_key) == before


def test_people_sign_in_and_keys_are_served(both):
    _, copy, _ = both

    assert signs_in(copy, PASSWORD)
    assert not signs_in(copy, "another password")
    assert ask(copy, 0).status_code in (200, 502)
    assert ask(copy, 0, "sb_live_" + "x" * 40).status_code == 401


def test_the_copy_is_for_its_owner_only_and_says_what_happened(both):
    _, copy, management_key = both
    kept = [path for path in copy.data_dir.rglob("*") if path.is_file() and "static" not in path.parts]
    events = httpx.get(
        f"{copy.url}/api/audit", headers={"Authorization": f"Bearer {management_key}"}, trust_env=False, timeout=30
    ).json()["data"]

    assert [path.name for path in kept if path.stat().st_mode & 0o077] == []
    # Signing in leaves an event as well; the backup's own event comes after its copy was taken.
    assert "restore" in [event["action"] for event in events]


def test_nothing_that_was_answered_is_missing_from_a_backup_taken_in_the_middle_of_traffic(original, tmp_path):
    product, _, folder = original
    answered: list[str] = []
    stop = threading.Event()

    def traffic() -> None:
        number = 0
        while not stop.is_set():
            answer = ask(product, number)
            number += 1
            if answer.status_code == 200:
                answered.append(answer.headers["x-router-decision-id"])

    threads = [threading.Thread(target=traffic) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) >= 20, "twenty answers came")
    before = list(answered)
    done = manage(product, "backup", str(folder / "busy.backup"), SIGNALBOX_BACKUP_PASSPHRASE=PASSPHRASE)
    stop.set()
    for thread in threads:
        thread.join()
    assert done.returncode == 0, done.stderr
    with restored(folder / "busy.backup", tmp_path) as copy:
        drained = manage(copy, "drain", "--once")
        assert drained.returncode == 0, drained.stderr
        _, rows, _, _ = json.loads(copy.run_python(REPLAY))

        assert set(before) <= set(rows)
        assert manage(copy, "doctor", "--json").returncode == 0


def test_a_used_folder_and_a_running_product_are_left_alone(original, tmp_path):
    product, _, folder = original
    backup = folder / "once.backup"
    assert manage(product, "backup", str(backup), SIGNALBOX_BACKUP_PASSPHRASE=PASSPHRASE).returncode == 0

    again = manage(product, "restore", str(backup), "--json", SIGNALBOX_BACKUP_PASSPHRASE=PASSPHRASE)
    rotating = manage(product, "rotate_secrets", "--json")
    plain = manage(product, "backup", str(tmp_path / "plain"), "--json")
    empty = Product(tmp_path / "data", 1)
    wrong = manage(empty, "restore", str(backup), "--json", SIGNALBOX_BACKUP_PASSPHRASE="not this passphrase")

    assert (again.returncode, json.loads(again.stderr)["error"]["code"]) == (3, "cannot_restore")
    assert (rotating.returncode, json.loads(rotating.stderr)["error"]["code"]) == (4, "still_running")
    assert (plain.returncode, json.loads(plain.stderr)["error"]["code"]) == (2, "passphrase_needed")
    assert (wrong.returncode, json.loads(wrong.stderr)["error"]["code"]) == (3, "cannot_restore")
    assert list(empty.data_dir.iterdir()) == []


def test_rotated_secrets_leave_keys_people_and_credentials_working(original, tmp_path):
    product, management_key, folder = original
    backup = folder / "to-rotate.backup"
    manage(product, "backup", str(backup), SIGNALBOX_BACKUP_PASSPHRASE=PASSPHRASE)
    with restored(backup, tmp_path) as copy:
        before = (copy.data_dir / "root.key").read_text()
        done = manage(copy, "rotate_secrets", "--json")
        after = (copy.data_dir / "root.key").read_text()

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["renewed"]["Credential.ciphertext"] == 1
        assert before.splitlines()[0] != after.splitlines()[0]
        assert before.splitlines()[0] in after, "the pepper of key hashes"
        known, hashes_alike, credential = json.loads(copy.run_python(STILL_KNOWN + f"print(still({management_key!r}))"))
    assert (known, hashes_alike, credential) == (True, True, CREDENTIAL)
