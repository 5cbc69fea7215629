from typing import Any

import pytest

from routerapp.models import AuditEvent, Credential, Deployment, Provider
from routerapp.store.config_document import build_config_document
from tests.api.callers import calls_as, codes_of, error_of
from tests.factories import a_deployment, a_language_model, a_provider

pytestmark = pytest.mark.django_db
SECRET = "sk-canary-0123456789abcdef"


def test_a_catalogue_is_built_over_the_api() -> None:
    call = calls_as("admin")
    provider = {"slug": "acme", "name": "Acme", "kind": "openai", "base_url": "https://api.acme.example/v1"}
    model = {"slug": "large", "name": "Large", "context_window": 128_000, "has_tools": True}
    deployment = {"slug": "acme-large", "name": "Large", "provider": "acme", "model": "large", "upstream_model": "l-1"}

    assert call("POST", "providers", provider).status_code == 201
    assert call("PUT", "providers/acme/credential", {"credential": SECRET}).json()["last_four"] == "cdef"
    assert call("POST", "models", model).status_code == 201
    assert call("POST", "deployments", {**deployment, "tags": ["eu"]}).status_code == 201
    price = call("POST", "deployments/acme-large/prices", {"input_usd_per_mtok": "2.50", "output_usd_per_mtok": 10})
    assert call("POST", "dimensions", {"slug": "wit", "name": "Wit"}).status_code == 201
    score = call("PUT", "models/large/scores/wit", {"value": 0.7, "low": 0.6, "high": 0.8})
    alias = call("PUT", "aliases/gpt-4o", {"target": "model:large"})

    assert price.json()["input_usd_per_mtok"] == "2.50"
    assert (score.json()["value"], alias.json()["target"]) == (0.7, "model:large")
    shown = call("GET", "deployments/acme-large").json()
    assert (shown["provider"], shown["model"], shown["tags"]) == ("acme", "large", ["eu"])
    assert shown["prices"][0]["output_usd_per_mtok"] == "10.00"
    assert call("GET", "models/large").json()["scores"][0]["dimension"] == "wit"
    assert call("GET", "providers").json()["data"][0]["credential_last_four"] == "cdef"


def test_no_answer_ever_holds_a_credential() -> None:
    provider = a_provider(slug="acme", credential=SECRET)
    a_deployment(provider=provider)
    call = calls_as("admin")
    answers = [call("PUT", "providers/acme/credential", {"credential": SECRET})]
    answers += [call("PUT", "providers/acme/credential", {"credential": SECRET + "\n" + SECRET})]
    answers += [call("PATCH", "providers/acme", {"credential": SECRET})]
    answers += [call("GET", path) for path in ("providers", "providers/acme", "deployments", "audit", "keys")]

    assert not any(SECRET.encode() in answer.content for answer in answers)
    assert not any(Credential.objects.get().ciphertext.encode() in answer.content for answer in answers)


FORBIDDEN = {
    "providers/acme": ["slug", "kind", "is_sample", "archived_at", "credential", "id", "created_at"],
    "models/large": ["slug", "is_sample", "archived_at", "id", "scores"],
    "deployments/here": ["slug", "provider", "model", "language_model", "is_sample", "archived_at", "prices", "id"],
    "policies/support": ["slug", "live_version", "is_default", "is_sample", "document"],
    "keys/caller": ["slug", "scopes", "key_hash", "prefix", "created_by", "revoked_at", "last_used_at", "id"],
    "people/grace": ["username", "is_superuser", "is_staff", "password", "is_active", "must_change_password"],
}


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in FORBIDDEN.items() for field in fields])
def test_only_listed_fields_can_be_changed(path: str, field: str) -> None:
    answer = calls_as("admin")("PATCH", path, {field: "admin"})

    assert answer.status_code == 422
    assert codes_of(answer)[field] == "unknown_field"


@pytest.mark.parametrize("field", ["base_url", "api_base", "endpoint", "proxy", "organization"])
def test_no_write_elsewhere_takes_an_address(field: str) -> None:
    call = calls_as("admin")
    bodies: dict[str, Any] = {
        "models": {"slug": "m", "name": "m", "context_window": 1},
        "keys": {"name": "k", "scopes": ["chat"]},
        "policies": {"slug": "p", "name": "p"},
    }

    for path, body in bodies.items():
        assert codes_of(call("POST", path, {**body, field: "http://169.254.169.254"}))[field] == "unknown_field"


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "https://localhost:1/", "gopher://x", "https://a:b@c.example"]
)
def test_the_egress_guard_speaks_at_save_time(url: str) -> None:
    answer = calls_as("admin")("POST", "providers", {"slug": "x", "name": "x", "kind": "openai", "base_url": url})

    assert (answer.status_code, list(codes_of(answer))) == (422, ["base_url"])
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("deployments/here", {"weight": -1}),
        ("deployments/here", {"tags": "eu"}),
        ("deployments/here", {"simulation": 7}),
        ("deployments/here", {"max_in_flight": 10**12}),
        ("deployments/here", {"tokens_per_minute": 0}),
        ("deployments/here", {"tokens_per_minute": 10**13}),
        ("models/large", {"context_window": 0}),
        ("models/large", {"context_window": 10**15}),
        ("models/large", {"name": ""}),
    ],
)
def test_values_out_of_range_are_refused(path: str, body: dict[str, Any]) -> None:
    a_deployment(slug="here", language_model=a_language_model(slug="large"))

    answer = calls_as("admin")("PATCH", path, body)

    assert (answer.status_code, list(codes_of(answer))) == (422, list(body))


def test_a_limit_of_tokens_per_minute_reaches_the_decisions() -> None:
    a_deployment(slug="here")
    answer = calls_as("admin")("PATCH", "deployments/here", {"tokens_per_minute": 40_000})

    assert answer.json()["tokens_per_minute"] == 40_000
    assert build_config_document()["deployments"]["here"]["tokens_per_minute"] == 40_000


@pytest.mark.parametrize("amount", ["NaN", "-1", "x", "1e400", "", None, [], "9" * 40])
def test_money_is_an_exact_amount_or_refused(amount: Any) -> None:
    a_deployment(slug="here", price=None)
    body = {"input_usd_per_mtok": amount, "output_usd_per_mtok": "1"}

    answer = calls_as("admin")("POST", "deployments/here/prices", body)

    assert (answer.status_code, list(codes_of(answer))) == (422, ["input_usd_per_mtok"])


def test_a_reference_to_nothing_is_wrong_input_and_an_address_of_nothing_is_not_found() -> None:
    call = calls_as("admin")
    body = {"slug": "x", "name": "x", "provider": "gone", "model": "gone", "upstream_model": "x"}

    assert codes_of(call("POST", "deployments", body)) == {"provider": "unknown_reference"}
    assert error_of(call("PATCH", "deployments/gone", {}))["code"] == "not_found"
    assert not Deployment.objects.exists()


def test_every_write_leaves_one_audit_event_with_key_and_address() -> None:
    caller = calls_as("admin")
    caller("POST", "models", {"slug": "large", "name": "Large", "context_window": 1000})
    caller("PATCH", "models/large", {"vendor": "Acme"})

    events = list(AuditEvent.objects.order_by("id").values_list("actor", "actor_kind", "action", "subject", "address"))
    assert events == [
        (caller.key.slug, "key", "add_language_model", "model:large", "127.0.0.1"),
        (caller.key.slug, "key", "edit_language_model", "model:large", "127.0.0.1"),
    ]
    page = caller("GET", "audit?limit=1").json()
    assert page["data"][0]["after"] == {"vendor": "Acme"}
    assert caller("GET", f"audit?cursor={page['next_cursor']}").json()["data"][0]["action"] == "add_language_model"
    newest = AuditEvent.objects.latest("id")
    assert caller("GET", "audit/check").json() == {
        "is_whole": True,
        "events": 2,
        "head": f"{newest.pk}:{newest.hash}",
        "first_broken_id": None,
        "reason": "",
    }
