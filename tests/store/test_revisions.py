import json
import zlib
from datetime import timedelta

import pytest
from django.utils import timezone

from routerapp.engine.canonical import canonical_bytes, content_address
from routerapp.models import (
    Alias,
    ConfigRevision,
    DecisionInputs,
    EvidenceRevision,
    Experiment,
    InstallationState,
    Provider,
)
from routerapp.store.config_document import VERSIONS_KEPT, build_config_document
from routerapp.store.control import parse_control, set_cooldown, set_draining
from routerapp.store.revisions import (
    RevisionGone,
    load_config,
    load_evidence,
    prune_revisions,
    record_config_revision,
    record_evidence_revision,
)
from tests.factories import (
    a_deployment,
    a_document,
    a_key,
    a_language_model,
    a_policy,
    a_price,
    a_provider,
    a_request,
    a_team,
    a_version,
)

pytestmark = pytest.mark.django_db


def test_an_empty_installation_has_a_document_the_engine_reads():
    config = load_config(record_config_revision("test"))

    assert config.policies == {}
    assert config.default_policy is None


def test_the_engine_reads_back_what_the_rows_say():
    model = a_language_model(slug="gpt-large", context_window=1000, scores={"code": 0.9})
    a_deployment(slug="eu-1", language_model=model, region="eu", residency=["eu"], tags=["local"], max_in_flight=7)
    policy = a_policy(a_document("support"), is_default=True)
    a_key(slug="ci", team=a_team(slug="search"), default_policy=policy, constraints_document={"regions": ["eu"]})
    Alias.objects.create(name="fast", target="policy:support")
    config = load_config(record_config_revision("test"))

    deployment = config.deployments["eu-1"]
    assert (deployment.model, deployment.region, deployment.tags) == ("gpt-large", "eu", ("local",))
    assert deployment.prices[0].input_nusd_per_mtok == 1_000_000_000
    assert deployment.prices[0].valid_from_ms == 1_767_225_600_000
    assert config.models["gpt-large"].scores == {"code": 0.9}
    assert config.task_dimensions == {"code": "code"}
    assert config.callers["ci"].team == "search"
    assert config.callers["ci"].default_policy == "support"
    assert config.default_policy == "support"
    assert config.aliases == {"fast": "policy:support"}
    assert config.live_policy("support").version == 1


def test_the_same_rows_give_the_same_revision_and_any_change_another():
    deployment = a_deployment()
    first = record_config_revision("one")
    again = record_config_revision("two")
    a_price(deployment, valid_from=timezone.now())
    other = record_config_revision("three")

    assert first == again != other
    assert ConfigRevision.objects.count() == 2
    state = InstallationState.objects.get()
    assert (state.config_id, state.serial) == (other, 3)


def test_the_revision_is_the_hash_of_the_stored_bytes():
    a_policy()
    sha = record_config_revision("test")
    stored = zlib.decompress(ConfigRevision.objects.get().document)

    assert stored == canonical_bytes(build_config_document())
    assert content_address(json.loads(stored)) == sha == load_config(sha).revision


def test_neither_secrets_nor_addresses_enter_the_document():
    provider = a_provider(credential="sk-very-secret", base_url="https://internal.example/v1")
    a_deployment(provider=provider, base_url="https://other.example/v1")
    key = a_key()
    text = canonical_bytes(build_config_document()).decode()

    assert not any(word in text for word in ("sk-very", "example", key.key_hash, key.prefix, "ciphertext"))


def test_archived_revoked_and_unpublished_things_are_left_out():
    now = timezone.now()
    a_deployment(archived_at=now)
    a_deployment(language_model=a_language_model(archived_at=now))
    a_deployment(provider=a_provider(archived_at=now))
    a_key(revoked_at=now)
    a_policy(archived_at=now)
    unpublished = a_policy()
    unpublished.live_version = None
    unpublished.save()
    document = build_config_document()

    assert document["deployments"] == {}
    assert document["callers"] == {}
    assert document["policies"] == {}


def test_a_disabled_provider_disables_its_deployments():
    a_deployment(slug="one", provider=a_provider(is_enabled=False))

    assert build_config_document()["deployments"]["one"]["is_enabled"] is False


def test_the_newest_versions_and_a_rolled_back_live_one_are_kept():
    policy = a_policy(a_document("support"))
    other = a_policy(a_document("legal"))
    for _ in range(VERSIONS_KEPT + 4):
        a_version(policy, a_document("support"))
    policy.live_version = policy.versions.get(number=2)
    policy.save()
    policies = build_config_document()["policies"]

    assert sorted(int(number) for number in policies["support"]["versions"]) == [2, *range(6, 16)]
    assert policies["support"]["live"] == 2
    assert policies[other.slug] == {"live": 1, "versions": {"1": a_document("legal")}}


def test_experiments_carry_their_arms():
    experiment = Experiment.objects.create(slug="cheaper", name="Cheaper", policy=a_policy(), rule_id="r1")
    experiment.arms.create(name="control", weight=90)
    experiment.arms.create(name="treatment", weight=10)

    assert [arm["weight"] for arm in build_config_document()["experiments"]["cheaper"]["arms"]] == [90, 10]


def test_draining_is_configuration_and_a_cooldown_is_not():
    a_deployment(slug="one")
    set_draining("one", True)
    set_cooldown("one", until_ms=2_000, now_ms=1_000)
    config = load_config(record_config_revision("drain"))

    assert config.deployments["one"].is_draining
    control = parse_control(InstallationState.objects.get().settings)
    assert control.cooldowns == {"one": 2_000}
    set_draining("one", False)
    assert not build_config_document()["deployments"]["one"]["is_draining"]


def test_a_cooldown_wakes_the_workers_and_those_that_are_over_go():
    set_cooldown("one", until_ms=2_000, now_ms=1_000)
    set_cooldown("two", until_ms=9_000, now_ms=3_000)

    assert parse_control(InstallationState.objects.get().settings).cooldowns == {"two": 9_000}
    assert InstallationState.objects.get().serial == 2


def test_evidence_is_recorded_once_per_content():
    first = record_evidence_revision({"small": 1.25}, {"small|code": 210})
    assert record_evidence_revision({"small": 1.25}, {"small|code": 210}) is None
    evidence = load_evidence(first)

    assert (evidence.revision, evidence.token_correction) == (first, {"small": 1.25})
    assert load_evidence("").revision == ""


def test_a_revision_that_is_gone_says_so():
    with pytest.raises(RevisionGone):
        load_config("f" * 64)
    with pytest.raises(RevisionGone):
        load_evidence("f" * 64)


def test_pruning_keeps_what_is_live_what_a_request_refers_to_and_what_is_young():
    shas = []
    for number in range(4):
        Provider.objects.create(slug=f"p{number}", name="p", kind="simulated")
        a_deployment()
        shas.append(record_config_revision("test"))
    evidence = [record_evidence_revision({"small": factor}, {}) for factor in (1.1, 1.2)]
    long_ago = timezone.now() - timedelta(days=2)
    ConfigRevision.objects.exclude(sha256=shas[2]).update(created_at=long_ago)
    EvidenceRevision.objects.update(created_at=long_ago)
    a_request()
    DecisionInputs.objects.update(config_revision=shas[0])

    assert prune_revisions(timezone.now()) == 2
    assert set(ConfigRevision.objects.values_list("sha256", flat=True)) == {shas[0], shas[2], shas[3]}
    assert [revision.sha256 for revision in EvidenceRevision.objects.all()] == [evidence[1]]


def test_evidence_without_what_was_learned_keeps_its_address_and_parts_outlast_each_other():
    plain = record_evidence_revision({"gpt": 1.1}, {"*|*": 200.0})
    assert plain == content_address(
        {"schema": 1, "token_correction": {"gpt": 1.1}, "expected_output_tokens": {"*|*": 200.0}}
    )

    record_evidence_revision(predictor="5b1e", bandit={"math|gpt": (3.0, 1.0)}, capabilities={"gpt|law": 0.75})
    sha = record_evidence_revision({"gpt": 1.2}, {"*|*": 200.0})
    found = load_evidence(sha)
    assert (found.predictor, found.bandit, found.capabilities) == ("5b1e", {"math|gpt": (3.0, 1.0)}, {"gpt|law": 0.75})
    assert found.token_correction == {"gpt": 1.2}

    record_evidence_revision(predictor="", bandit={}, capabilities={})
    assert record_evidence_revision({"gpt": 1.1}, {"*|*": 200.0}) == plain
