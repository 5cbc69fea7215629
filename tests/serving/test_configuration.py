"""The configuration as one document: what is written applies to the same installation without a change, and to an empty one in full."""

from __future__ import annotations

import copy

import pytest

from routerapp.models import (
    Alias,
    APIKey,
    AuditEvent,
    CapabilityScore,
    ConfigRevision,
    Deployment,
    InstallationState,
    LanguageModel,
    Policy,
    Price,
    Provider,
)
from routerapp.serving.audit import verify_chain
from routerapp.serving.configuration.document import apply_configuration, export_configuration
from routerapp.serving.document_text import read_text, write_text
from routerapp.serving.edit_end_users import limit_end_user
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from tests.factories import a_deployment, a_key, a_language_model, a_policy, a_provider
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db

DOCUMENT = {
    "signalbox": 1,
    "dimensions": {"code": {"name": "Code", "description": "Programs", "position": 0}},
    "providers": {
        "acme": {"kind": "openai", "name": "Acme", "base_url": "https://api.acme.example/v1", "is_enabled": True},
        "local": {"kind": "simulated", "name": "Local"},
    },
    "models": {"small": {"name": "Small", "context_window": 8000, "has_tools": True}},
    "deployments": {
        "acme-small": {"provider": "acme", "model": "small", "upstream_model": "small-1", "tags": ["eu"], "weight": 3},
        "local-small": {"provider": "local", "model": "small", "upstream_model": "small"},
    },
    "scores": {"small": {"code": {"value": 0.6, "low": 0.5, "high": 0.7, "measured_on": "2026-10-01"}}},
    "prices": {
        "acme-small": {
            "2026-01-01T00:00:00Z": {
                "input_usd_per_mtok": "0.50",
                "output_usd_per_mtok": 1.5,
                "cache_write_usd_per_mtok": 0.625,
            }
        },
    },
    "policies": {
        "first": {
            "name": "First",
            "document": {
                "schema": 1,
                "policy": "first",
                "timezone": "UTC",
                "rules": [],
                "default": {"pool": ["policy:second"]},
            },
        },
        "second": {
            "name": "Second",
            "document": {
                "schema": 1,
                "policy": "second",
                "timezone": "UTC",
                "rules": [],
                "default": {"pool": ["tag:eu", "deployment:local-small"], "strategy": {"kind": "cheapest"}},
            },
        },
    },
    "aliases": {"quick": {"target": "policy:second"}},
    "teams": {"legal": {"name": "Legal", "requests_per_minute": 60, "monthly_spend_usd": 100}},
    "end_users": {"*": {"label": "Everybody", "daily_spend_usd": "0.5"}},
    "settings": {"installation": {"default_policy": "second", "retention_days": {"bodies": 7}}},
}


def applied(document, **options):
    return apply_configuration(document, by=ADMIN, **options)


def problems_of(document, **options) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        applied(document, **options)
    return {one.path: one.code for one in refused.value.problems}


def changed(**sections):
    document = copy.deepcopy(DOCUMENT)
    for name, entries in sections.items():
        document[name] = entries
    return document


def test_an_empty_installation_becomes_what_the_document_says():
    done = applied(DOCUMENT)

    assert Provider.objects.get(slug="acme").base_url == "https://api.acme.example/v1"
    assert Deployment.objects.get(slug="acme-small").weight == 3
    price = Price.objects.get()
    assert (price.output_nusd_per_mtok, price.cache_write_nusd_per_mtok) == (1_500_000_000, 625_000_000)
    assert CapabilityScore.objects.get().low == 0.5
    assert {policy.slug: policy.live_version.number for policy in Policy.objects.all()} == {"first": 1, "second": 1}
    assert Policy.objects.get(is_default=True).slug == "second"
    assert Alias.objects.get().target == "policy:second"
    assert InstallationState.objects.get().settings["retention_days"] == {"bodies": 7}
    assert done.notes == ("provider acme: enter its credential by hand.",)


def test_what_was_written_changes_nothing_when_applied_again_as_yaml_or_json():
    applied(DOCUMENT)
    a_key(scopes=["chat", "read"], requests_per_minute=5, daily_spend_nusd=2_500_000_000)
    written = export_configuration(by=ADMIN, with_history=True)
    revisions, events = ConfigRevision.objects.count(), AuditEvent.objects.count()

    for language in ("yaml", "json"):
        document, _ = read_text(write_text(written, language))
        assert applied(document, prune=True).changes == ()
    assert (ConfigRevision.objects.count(), AuditEvent.objects.count()) == (revisions, events)


def test_the_first_document_changes_nothing_the_second_time():
    applied(DOCUMENT)

    assert applied(DOCUMENT).changes == ()


def test_no_secret_is_in_it():
    key = a_key()
    a_provider(slug="acme", kind="openai", credential="sk-very-secret-credential")
    text = write_text(export_configuration(by=ADMIN, with_history=True), "yaml")

    for secret in ("sk-very-secret", "tial", key.full_key, key.prefix, key.key_hash):
        assert secret not in text
    assert key.slug in text


def test_a_change_is_told_field_by_field_and_audited_by_its_own_use_case():
    applied(DOCUMENT)
    wanted = changed(deployments={"acme-small": {"weight": 9}})
    done = applied(wanted)

    assert [(one.kind, one.path, one.before, one.after) for one in done.changes] == [
        ("change", "deployments.acme-small", {"weight": 3}, {"weight": 9})
    ]
    assert set(AuditEvent.objects.values_list("action", flat=True)[:2]) == {"edit_deployment", "apply_configuration"}
    assert verify_chain() is None


def test_a_dry_run_says_the_same_and_writes_nothing():
    before = AuditEvent.objects.count()
    done = applied(DOCUMENT, dry_run=True)

    assert len(done.changes) == 14
    assert (Provider.objects.count(), AuditEvent.objects.count()) == (0, before)


def test_one_refusal_takes_everything_back_and_every_problem_is_said_by_path():
    bad = changed(models={"small": {"name": "Small", "context_window": -5}})
    bad["policies"]["second"]["document"]["default"]["pool"] = ["deployment:nowhere"]
    bad["settings"]["installation"]["retention_days"] = {"bodies": -1}
    found = problems_of(bad)

    assert found["models.small.context_window"]
    assert found["policies.second.default.pool[0]"] == "unknown_reference"
    assert found["settings.installation.retention_days"] == "invalid"
    assert Provider.objects.count() == 0


@pytest.mark.parametrize(
    ("document", "path", "code"),
    [
        ([], "", "not_an_object"),
        ({}, "signalbox", "unknown_schema"),
        ({"signalbox": 2}, "signalbox", "unknown_schema"),
        ({"signalbox": 1, "provider": {}}, "provider", "unknown_field"),
        ({"signalbox": 1, "providers": []}, "providers", "not_an_object"),
        ({"signalbox": 1, "providers": {"a": 5}}, "providers.a", "not_an_object"),
        ({"signalbox": 1, "providers": {"a": {"kind": "openai", "colour": 1}}}, "providers.a.colour", "unknown_field"),
        ({"signalbox": 1, "providers": {"a": {"credential": "sk-1"}}}, "providers.a.credential", "unknown_field"),
        ({"signalbox": 1, "providers": {"a": {"kind": 5}}}, "providers.a.kind", "invalid"),
        ({"signalbox": 1, "providers": {"a": {"base_url": 5}}}, "providers.a.base_url", "invalid"),
        ({"signalbox": 1, "providers": {"a": {"is_enabled": "yes"}}}, "providers.a.is_enabled", "invalid"),
        ({"signalbox": 1, "providers": {"A b": {"kind": "openai"}}}, "providers.A b.slug", "bad_slug"),
        ({"signalbox": 1, "providers": {5: {"kind": "openai"}}}, "providers.5", "not_text"),
        ({"signalbox": 1, "scores": {"m": {"code": 0.5}}}, "scores.m.code", "invalid"),
        ({"signalbox": 1, "scores": {"m": {"code": {"low": 0.5}}}}, "scores.m.code.value", "required"),
        ({"signalbox": 1, "scores": {"m": {"code": {"value": "x"}}}}, "scores.m.code.value", "invalid"),
        ({"signalbox": 1, "prices": {"d": {"today": {}}}}, "prices.d.today.input_usd_per_mtok", "required"),
        (
            {"signalbox": 1, "prices": {"d": {"today": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}}},
            "prices.d.today",
            "bad_instant",
        ),
        (
            {
                "signalbox": 1,
                "prices": {"d": {"2026-13-01T00:00:00Z": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 1}}},
            },
            "prices.d.2026-13-01T00:00:00Z",
            "bad_instant",
        ),
        (
            {
                "signalbox": 1,
                "prices": {"d": {"2026-01-01T00:00:00Z": {"input_usd_per_mtok": "-1", "output_usd_per_mtok": 1}}},
            },
            "prices.d.2026-01-01T00:00:00Z.input_usd_per_mtok",
            "bad_amount",
        ),
        ({"signalbox": 1, "policies": {"p": {"name": "P"}}}, "policies.p.document", "required"),
        ({"signalbox": 1, "policies": {"p": {"document": []}}}, "policies.p.document", "invalid"),
        ({"signalbox": 1, "aliases": {"a": {"target": "x"}}}, "aliases.a.target", "bad_target"),
        ({"signalbox": 1, "settings": {"colours": {}}}, "settings.colours", "unknown_field"),
        (
            {"signalbox": 1, "settings": {"installation": {"nonsense": 1}}},
            "settings.installation.nonsense",
            "unknown_field",
        ),
        (
            {"signalbox": 1, "settings": {"installation": {"control": {}}}},
            "settings.installation.control",
            "unknown_field",
        ),
        (
            {"signalbox": 1, "settings": {"installation": {"default_policy": 5}}},
            "settings.installation.default_policy",
            "required",
        ),
        ({"signalbox": 1, "settings": {"sign_in": {"idle_hours": 0}}}, "settings.sign_in.idle_hours", "out_of_range"),
        (
            {"signalbox": 1, "settings": {"installation": {"header_allow": ["Authorization"]}}},
            "settings.installation.header_allow",
            "invalid",
        ),
        ({"signalbox": 1, "keys": {"k": {"full_key": "x"}}}, "keys.k.full_key", "unknown_field"),
        ({"signalbox": 1, "teams": {"t": {"requests_per_minute": -1}}}, "teams.t.requests_per_minute", None),
        ({"signalbox": 1, "teams": {"t": {"daily_spend_usd": "much"}}}, "teams.t.daily_spend_usd", "bad_amount"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_path(document, path, code):
    found = problems_of(document)

    assert set(found) == {path}
    assert code in (None, found[path])


def test_what_is_chosen_once_cannot_be_asked_for_otherwise():
    applied(DOCUMENT)
    bad = changed(
        deployments={"acme-small": {"provider": "local"}},
        prices={"acme-small": {"2026-01-01T00:00:00Z": {"input_usd_per_mtok": 9, "output_usd_per_mtok": 9}}},
    )

    assert problems_of(bad) == {
        "deployments.acme-small.provider": "fixed",
        "prices.acme-small.2026-01-01T00:00:00Z": "price_stays",
    }


def test_a_policy_that_could_not_be_published_is_not():
    applied(DOCUMENT)
    bad = changed()
    bad["policies"]["second"]["document"]["default"]["pool"] = ["policy:first"]

    assert any(path.startswith("policies.second") for path in problems_of(bad))


def test_only_prune_takes_away_and_only_from_sections_that_are_there():
    applied(DOCUMENT)
    a_deployment(slug="extra", provider=a_provider(slug="extra"), language_model=a_language_model(slug="extra"))
    a_policy(slug="extra")

    assert applied(DOCUMENT).changes == ()
    without_models = {name: value for name, value in DOCUMENT.items() if name != "models"}
    removed = [one.path for one in applied(without_models, prune=True).changes]

    assert removed == ["policies.extra", "deployments.extra", "providers.extra"]
    assert LanguageModel.objects.get(slug="extra").archived_at is None
    assert Policy.objects.get(slug="extra").archived_at is not None


def test_prune_drops_a_score_that_is_not_written():
    applied(DOCUMENT)
    bare = changed(scores={"small": {}})
    done = applied(bare, prune=True)

    assert [(one.kind, one.path, list(one.before)) for one in done.changes] == [("remove", "scores.small", ["code"])]
    assert CapabilityScore.objects.count() == 0


def test_a_key_keeps_working_with_other_settings_and_an_unknown_one_is_left_to_people():
    key = a_key(slug="app")
    document = {
        "signalbox": 1,
        "keys": {"app": {"requests_per_minute": 7, "daily_spend_usd": "2.5"}, "other": {"name": "Other"}},
    }
    done = applied(document)
    row = APIKey.objects.get(slug="app")

    assert (row.requests_per_minute, row.daily_spend_nusd, row.key_hash) == (7, 2_500_000_000, key.key_hash)
    assert done.notes == ("key other: is not here. Make it under Keys: its secret is in no document.",)


def test_a_user_known_by_hash_elsewhere_is_left_to_people_and_one_known_here_is_changed():
    row = limit_end_user("ada", {"label": "Ada", "requests_per_minute": 5}, by=ADMIN)
    done = applied(
        {"signalbox": 1, "end_users": {row.user_hash: {"requests_per_minute": 9}, "f" * 64: {"label": "Grace"}}}
    )

    row.refresh_from_db()
    assert (row.label, row.requests_per_minute) == ("Ada", 9)
    assert done.notes == ("end user ffffffffffff (Grace): limit that user by hand, it is known by hash only.",)


def test_scopes_and_archived_slugs_cannot_come_back_by_document():
    a_key(slug="app", scopes=["chat"])
    applied(DOCUMENT)
    applied({"signalbox": 1, "aliases": {}}, prune=True)
    Provider.objects.create(slug="gone", kind="simulated", name="Gone", archived_at="2026-01-01T00:00:00Z")

    assert problems_of({"signalbox": 1, "keys": {"app": {"scopes": ["chat", "admin"]}}}) == {"keys.app.scopes": "fixed"}
    assert problems_of({"signalbox": 1, "providers": {"gone": {"kind": "simulated"}}}) == {
        "providers.gone.slug": "taken"
    }


def test_only_admins_write_or_read_it_whole():
    with pytest.raises(NotAllowed):
        export_configuration(by=PUBLISHER)
    with pytest.raises(NotAllowed):
        apply_configuration(DOCUMENT, by=PUBLISHER)
