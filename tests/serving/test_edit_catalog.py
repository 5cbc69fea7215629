from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routerapp.models import (
    Alias,
    AuditEvent,
    Credential,
    Deployment,
    InstallationState,
    LanguageModel,
    Price,
    Provider,
)
from routerapp.serving import edit_aliases, edit_catalog
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.store.secrets import decrypt_credential
from tests.factories import a_deployment, a_document, a_language_model, a_policy, a_price, a_provider
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789abcdef"


def codes(refusal: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [problem.code for problem in refusal.value.problems]


def add_acme(base_url: str = "https://api.acme.example/v1") -> Provider:
    return edit_catalog.add_provider("acme", name="Acme", kind="openai", base_url=base_url, by=ADMIN)


def test_a_catalogue_is_built_from_nothing() -> None:
    add_acme("https://api.acme.example/v1/")
    edit_catalog.add_language_model("large", {"name": "Large", "context_window": 128_000, "has_tools": True}, by=ADMIN)
    edit_catalog.add_deployment(
        "acme-large",
        {"name": "Large at Acme", "upstream_model": "large-2026", "region": "eu", "tags": ["local", "local"]},
        provider="acme",
        language_model="large",
        by=ADMIN,
    )
    edit_catalog.add_price("acme-large", input_usd_per_mtok="2.50", output_usd_per_mtok="10", by=ADMIN)

    deployment = Deployment.objects.get()
    assert deployment.provider.base_url == "https://api.acme.example/v1"
    assert deployment.tags == ["local"]
    assert Price.objects.get().input_nusd_per_mtok == 2_500_000_000
    assert AuditEvent.objects.count() == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "https://127.0.0.1/v1",
        "https://[::1]/v1",
        "http://10.0.0.1",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:pass@api.acme.example/v1",
        "https://api.acme.example/v1?x=1",
        "https://api.acme.example/a b",
        "https://münchen.example",
        "",
        "acme",
    ],
)
def test_an_address_the_guard_refuses_is_not_saved(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_acme(url)

    assert [problem.path for problem in refused.value.problems] == ["base_url"]
    assert not Provider.objects.exists()


def test_a_deployments_own_address_meets_the_same_guard() -> None:
    add_acme()
    fields = {"name": "x", "upstream_model": "x", "base_url": "http://169.254.169.254/"}

    with pytest.raises(Invalid):
        edit_catalog.add_deployment("x", fields, provider="acme", language_model=a_language_model().slug, by=ADMIN)


def test_a_credential_goes_in_and_nothing_of_it_comes_out() -> None:
    add_acme()
    edit_catalog.set_credential("acme", SECRET, by=ADMIN)

    row = Credential.objects.get()
    assert SECRET not in row.ciphertext
    assert row.last_four == "cdef"
    assert decrypt_credential("acme", row.ciphertext) == SECRET
    assert not any(SECRET in str(vars(event)) for event in AuditEvent.objects.all())


def test_setting_a_credential_again_reaches_the_workers() -> None:
    add_acme()
    edit_catalog.set_credential("acme", SECRET, by=ADMIN)
    before = InstallationState.objects.get().serial

    edit_catalog.set_credential("acme", SECRET + "x", by=ADMIN)

    assert InstallationState.objects.get().serial > before
    assert Credential.objects.count() == 1


def test_a_short_credential_shows_no_part_of_itself() -> None:
    add_acme()

    assert edit_catalog.set_credential("acme", "hunter2", by=ADMIN).last_four == ""


@pytest.mark.parametrize("credential", ["", "  ", "a\nb", "x" * 5_000, "sk-ünder"])
def test_a_credential_that_could_not_be_sent_is_refused(credential: str) -> None:
    add_acme()

    with pytest.raises(Invalid):
        edit_catalog.set_credential("acme", credential, by=ADMIN)


@pytest.mark.parametrize(
    ("url", "is_kept"), [("https://api.acme.example/v2", True), ("https://evil.example/v1", False)]
)
def test_a_credential_does_not_follow_its_provider_to_another_host(url: str, is_kept: bool) -> None:
    add_acme()
    edit_catalog.set_credential("acme", SECRET, by=ADMIN)

    edit_catalog.edit_provider("acme", {"base_url": url}, by=ADMIN)

    assert Credential.objects.exists() is is_kept


def test_only_listed_fields_can_be_set() -> None:
    provider = a_provider()

    with pytest.raises(Invalid) as refused:
        edit_catalog.edit_provider(provider.slug, {"name": "x", "slug": "y", "is_sample": True}, by=ADMIN)
    assert codes(refused) == ["unknown_field", "unknown_field"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "nul \0"},
        {"name": "half \ud800"},
        {"tags": "local"},
        {"tags": ["a:b"]},
        {"tags": [""]},
        {"residency": [7]},
        {"weight": -1},
        {"weight": "heavy"},
        {"simulation": []},
        {"simulation": {"error_share": float("inf")}},
    ],
)
def test_values_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    deployment = a_deployment()

    with pytest.raises(Invalid):
        edit_catalog.edit_deployment(deployment.slug, fields, by=ADMIN)


@pytest.mark.parametrize("amount", ["", "free", "-1", "NaN", "1e30", "0.0000000001", "1,50"])
def test_an_amount_that_is_none_is_refused_at_its_field(amount: str) -> None:
    deployment = a_deployment()

    with pytest.raises(Invalid) as refused:
        edit_catalog.add_price(deployment.slug, input_usd_per_mtok=amount, output_usd_per_mtok="1", by=ADMIN)
    assert refused.value.problems[0].path == "input_usd_per_mtok"


def test_only_a_price_to_come_can_be_withdrawn() -> None:
    deployment = a_deployment()
    past = deployment.prices.get()
    coming = a_price(deployment, valid_from=timezone.now() + timedelta(days=1))

    edit_catalog.withdraw_price(deployment.slug, coming.pk, by=ADMIN)
    with pytest.raises(Invalid):
        edit_catalog.withdraw_price(deployment.slug, past.pk, by=ADMIN)
    with pytest.raises(Missing):
        edit_catalog.withdraw_price(a_deployment().slug, past.pk, by=ADMIN)


def test_what_a_live_policy_needs_is_not_archived() -> None:
    deployment = a_deployment()
    spare = a_deployment()
    a_policy({**a_document("support"), "default": {"pool": [f"deployment:{deployment.slug}"]}})

    edit_catalog.archive_deployment(spare.slug, by=ADMIN)
    with pytest.raises(Invalid) as refused:
        edit_catalog.archive_deployment(deployment.slug, by=ADMIN)

    assert refused.value.problems[0].path == "policy:support"
    assert Deployment.objects.get(slug=deployment.slug).archived_at is None


def test_provider_and_model_wait_for_their_deployments() -> None:
    deployment = a_deployment()

    with pytest.raises(Invalid, match=deployment.slug):
        edit_catalog.archive_provider(deployment.provider.slug, by=ADMIN)
    with pytest.raises(Invalid, match=deployment.slug):
        edit_catalog.archive_language_model(deployment.language_model.slug, by=ADMIN)
    edit_catalog.archive_deployment(deployment.slug, by=ADMIN)
    edit_catalog.archive_provider(deployment.provider.slug, by=ADMIN)
    edit_catalog.archive_language_model(deployment.language_model.slug, by=ADMIN)
    assert not LanguageModel.objects.filter(archived_at=None).exists()


def test_an_archived_slug_stays_taken() -> None:
    deployment = a_deployment()
    edit_catalog.archive_deployment(deployment.slug, by=ADMIN)

    with pytest.raises(Invalid) as refused:
        edit_catalog.add_deployment(
            deployment.slug,
            {"name": "again", "upstream_model": "x"},
            provider=deployment.provider.slug,
            language_model=deployment.language_model.slug,
            by=ADMIN,
        )
    assert codes(refused) == ["taken"]


def test_an_alias_leads_to_something_that_is_there() -> None:
    policy = a_policy()
    edit_aliases.set_alias("gpt-4o", f"policy:{policy.slug}", by=ADMIN)
    edit_aliases.set_alias("gpt-4o", f"model:{a_language_model(slug='large').slug}", by=ADMIN)

    assert Alias.objects.get().target == "model:large"
    edit_aliases.remove_alias("gpt-4o", by=ADMIN)
    assert not Alias.objects.exists()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("auto", "model:large"),
        ("router/auto", "model:large"),
        ("policy/support", "model:large"),
        ("router-balanced-0.5", "model:large"),
        ("acme/large", "model:large"),
        ("<script>", "model:large"),
        ("a" * 101, "model:large"),
        ("fine", "model:gone"),
        ("fine", "provider:acme"),
        ("fine", "large"),
    ],
)
def test_an_alias_that_would_mislead_is_refused(name: str, target: str) -> None:
    a_provider(slug="acme")
    a_language_model(slug="large")

    with pytest.raises(Invalid):
        edit_aliases.set_alias(name, target, by=ADMIN)


@pytest.mark.parametrize(
    "call",
    [
        lambda: edit_catalog.add_provider("p", name="p", kind="simulated", by=PUBLISHER),
        lambda: edit_catalog.set_credential("p", SECRET, by=PUBLISHER),
        lambda: edit_catalog.add_language_model("m", {}, by=PUBLISHER),
        lambda: edit_catalog.edit_deployment("d", {}, by=PUBLISHER),
        lambda: edit_catalog.add_price("d", input_usd_per_mtok="1", output_usd_per_mtok="1", by=PUBLISHER),
        lambda: edit_aliases.set_alias("a", "model:m", by=PUBLISHER),
    ],
)
def test_the_catalogue_is_for_admins(call: Any) -> None:
    with pytest.raises(NotAllowed):
        call()
