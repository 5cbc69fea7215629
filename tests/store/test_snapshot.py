import os
import stat
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from routerapp.engine.conditions import leaf_id
from routerapp.engine.content import Content
from routerapp.engine.types import RequestFacts
from routerapp.models import APIKey, InstallationState
from routerapp.store.keys import make_key
from routerapp.store.last_good import NoLastGood, load_last_good, save_last_good
from routerapp.store.revisions import record_config_revision
from routerapp.store.snapshot import current_serial, load_snapshot
from tests.factories import a_deployment, a_document, a_draft, a_key, a_policy, a_provider, a_snapshot

pytestmark = pytest.mark.django_db


def a_rule(pattern, **overrides):
    when = {"field": "text", "op": "matches", "value": pattern}
    return {"id": f"r-{pattern}", "name": pattern, "when": when, "use": {"pool": ["all"]}} | overrides


def test_the_first_snapshot_of_an_empty_database_records_the_empty_configuration():
    snapshot = load_snapshot()

    assert snapshot.serial == current_serial() == 1
    assert snapshot.config.revision == InstallationState.objects.get().config_id
    assert snapshot.evidence.revision == ""


def test_a_key_is_found_by_prefix_with_its_caller():
    row = a_key(slug="ci", requests_per_minute=60, expires_at=datetime(2027, 1, 1, tzinfo=UTC))
    a_key(revoked_at=timezone.now())
    snapshot = a_snapshot()

    assert list(snapshot.keys) == [row.prefix]
    entry = snapshot.keys[row.prefix]
    assert (entry.slug, entry.key_hash, entry.expires_at_ms) == ("ci", row.key_hash, 1_798_761_600_000)
    assert entry.caller.requests_per_minute == 60


def test_a_key_without_recorded_limits_is_not_served():
    load_snapshot()
    a_key()

    assert load_snapshot().keys == {}


def test_a_target_holds_ciphertext_that_only_this_data_folder_opens():
    provider = a_provider(kind="openai", base_url="https://api.example/v1", credential="sk-secret")
    a_deployment(slug="plain", provider=provider)
    a_deployment(slug="own-address", provider=provider, base_url="https://eu.example/v1")
    a_deployment(slug="none", simulation={"seed": 7})
    targets = a_snapshot().targets

    assert targets["plain"].base_url == "https://api.example/v1"
    assert targets["own-address"].base_url == "https://eu.example/v1"
    assert targets["plain"].open_credential() == "sk-secret"
    assert "sk-secret" not in repr(targets)
    assert targets["none"].open_credential() is None
    assert targets["none"].simulation == {"seed": 7}


def test_the_observer_sees_live_rules_older_versions_and_drafts_even_half_written_ones():
    policy = a_policy(a_document("support", rules=[a_rule("live"), a_rule("off", enabled=False)]))
    a_draft(policy, a_document("support", rules=[a_rule("draft"), {"id": "x"}, a_rule("(?=bad)"), "rubbish"]))
    observed = a_snapshot().observer.observe(Content("a draft", "a draft", "", False, 1), RequestFacts())

    leaves = {pattern: leaf_id("text", "matches", pattern) for pattern in ("live", "off", "draft")}
    assert observed == {leaves["live"]: False, leaves["off"]: False, leaves["draft"]: True}


def test_the_serial_rises_with_every_write_and_costs_one_query(django_assert_num_queries):
    before = current_serial()
    record_config_revision("one")
    with django_assert_num_queries(1):
        assert current_serial() == before + 1


def test_a_thousand_keys_take_no_query_each(django_assert_max_num_queries):
    now = timezone.now()
    new = [make_key() for _ in range(1000)]
    APIKey.objects.bulk_create(
        APIKey(slug=f"k{n}", name="k", prefix=key.prefix, key_hash=key.key_hash, scopes=["chat"], created_at=now)
        for n, key in enumerate(new)
    )
    record_config_revision("keys")

    with django_assert_max_num_queries(12):
        assert len(load_snapshot().keys) == 1000


@pytest.fixture
def full_snapshot():
    a_key(slug="ci", constraints_document={"regions": ["eu"]})
    a_deployment(provider=a_provider(kind="openai", base_url="https://api.example/v1", credential="sk-secret"))
    a_draft(a_policy(a_document("support", rules=[a_rule("live")])), a_document("support", rules=[a_rule("draft")]))
    return a_snapshot()


def test_the_last_good_snapshot_comes_back_whole_without_the_database(full_snapshot, tmp_path):
    path = tmp_path / "last-good"
    save_last_good(full_snapshot, path, now_ms=1_000)

    def refuse(*_):
        raise AssertionError("the database was asked")

    with connection.execute_wrapper(refuse):
        snapshot = load_last_good(path, now_ms=2_000, max_age_seconds=60)
    for part in ("serial", "config", "evidence", "keys", "targets", "settings", "control"):
        assert getattr(snapshot, part) == getattr(full_snapshot, part)
    assert {leaf.leaf_id for leaf in snapshot.observer.leaves} == {
        leaf.leaf_id for leaf in full_snapshot.observer.leaves
    }


def test_the_file_is_the_owners_only_and_holds_no_secret(full_snapshot, tmp_path):
    path = tmp_path / "last-good"
    save_last_good(full_snapshot, path, now_ms=1_000)
    save_last_good(full_snapshot, path, now_ms=2_000)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert b"sk-secret" not in path.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["last-good"]


def test_an_old_damaged_foreign_or_missing_file_is_refused(full_snapshot, tmp_path):
    path = tmp_path / "last-good"
    save_last_good(full_snapshot, path, now_ms=0)
    with pytest.raises(NoLastGood, match="61 seconds old"):
        load_last_good(path, now_ms=61_000, max_age_seconds=60)

    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(NoLastGood, match="damaged"):
        load_last_good(path, now_ms=0, max_age_seconds=60)
    with pytest.raises(NoLastGood, match="does not exist"):
        load_last_good(tmp_path / "nothing", now_ms=0, max_age_seconds=60)
    path.write_bytes(b"")
    with pytest.raises(NoLastGood):
        load_last_good(path, now_ms=0, max_age_seconds=60)
