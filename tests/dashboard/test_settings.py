"""The Settings tab: groups saved by themselves, each with its range; who changed what; kept content by policy, deleted with a confirm."""

from __future__ import annotations

import pytest

from routerapp.models import Body, InstallationState
from routerapp.serving.installation_settings import read_settings
from tests.factories import a_document, a_policy, a_request, a_snapshot

pytestmark = pytest.mark.django_db
RUNNING = {
    "when_spool_is_full": "serve",
    "max_snapshot_age_seconds": 60,
    "exact_limits_alone": "refuse",
    "unpriced_under_budget": "refuse",
}
DAYS = {
    "requests": 200,
    "inputs": 20,
    "bodies": 10,
    "minute_sums": 3,
    "hour_sums": 120,
    "alerts": 400,
    "jobs": 7,
    "health_checks": 2,
}


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def values():
    return {one.setting.name: one.value for one in read_settings() if one.is_set}


def save(admin, group, fields, **options):
    return admin.post(f"/system/settings/{group}/", fields, **options)


def test_retention_is_saved_as_what_differs_and_shows_who_did_it(admin):
    assert "never changed" in admin.get("/system/settings/").text
    assert save(admin, "retention", DAYS).status_code == 302

    assert values() == {"retention_days": {"requests": 200, "inputs": 20, "bodies": 10}}
    assert "set by user-" in admin.get("/system/settings/").text
    save(admin, "retention", DAYS | {"requests": 400, "inputs": 90, "bodies": 30})
    assert values() == {}


@pytest.mark.parametrize(
    ("group", "fields", "wrong"),
    [
        ("retention", DAYS | {"minute_sums": 1}, "minute_sums"),
        ("retention", DAYS | {"requests": "many"}, "requests"),
        ("retention", DAYS | {"requests": -5}, "requests"),
        ("retention", DAYS | {"jobs": 10**30}, "jobs"),
        ("recording", {"header_allow": "authorization", "keep": "off"}, "header_allow"),
        ("recording", {"metadata_allow": "a b\nc d\n<x>", "keep": "off"}, "metadata_allow"),
        ("recording", {"metadata_allow": "\n".join(f"n{n}" for n in range(51)), "keep": "off"}, "metadata_allow"),
        ("recording", {"keep": "everything"}, "keep"),
        ("recording", {"keep": "redacted", "days": 10**6}, "days"),
        (
            "running",
            RUNNING | {"when_spool_is_full": "x"},
            "when_spool_is_full",
        ),
        (
            "running",
            RUNNING | {"max_snapshot_age_seconds": 1},
            "max_snapshot_age_seconds",
        ),
    ],
)
def test_what_is_out_of_range_comes_back_by_name_and_nothing_is_written(admin, group, fields, wrong):
    response = save(admin, group, fields)

    assert response.status_code == 422
    form = next(one["form"] for one in response.context["edits"] if one["name"] == group)
    assert set(form.errors) == {wrong}
    assert values() == {}


def test_a_change_reaches_workers_with_the_next_snapshot(admin):
    before = a_snapshot().serial
    fields = {"metadata_allow": "team, ticket", "header_allow": "X-App", "keep": "off"}
    save(admin, "recording", fields)
    save(
        admin,
        "running",
        RUNNING | {"unpriced_under_budget": "allow"},
    )
    snapshot = a_snapshot()

    assert snapshot.serial > before
    assert snapshot.settings["metadata_allow"] == ["team", "ticket"]
    assert (snapshot.settings["header_allow"], snapshot.settings["when_spool_is_full"]) == (["x-app"], "serve")
    assert snapshot.settings["max_snapshot_age_seconds"] == 60


def test_new_policies_keep_what_the_installation_says_and_old_ones_what_they_say(admin):
    old = a_policy(slug="old")
    save(admin, "recording", {"keep": "redacted", "days": "14"})
    admin.post("/policies/new/", {"slug": "young", "name": "Young", "template": "blank"})

    from routerapp.models import Draft

    assert Draft.objects.get(policy__slug="young").document["content"] == {"keep": "redacted", "days": 14}
    old.refresh_from_db()
    assert "content" not in old.live_version.document


def test_only_admins_change_or_delete(signed_in):
    a_policy(slug="support")
    for role in ("viewer", "editor", "publisher"):
        client = signed_in(role)
        assert save(client, "retention", DAYS).status_code == 403
        assert client.post("/system/content/support/delete/").status_code == 403


def test_an_unknown_group_is_nowhere_and_a_group_read_is_the_page(admin):
    assert save(admin, "nonsense", {}).status_code == 404
    assert admin.get("/system/settings/retention/").url == "/system/settings/"


def test_each_policy_says_what_it_keeps_and_can_be_emptied(admin):
    a_policy(a_document("keeping", content={"keep": "redacted", "days": 5}))
    a_policy(slug="plain")
    for policy in ("keeping", "keeping", "plain"):
        a_request(policy=policy, chat={"messages": []})
    lines = {line.policy.slug: (line.words, line.count) for line in admin.get("/system/settings/").context["kept"]}
    assert lines == {"keeping": ("prompts and answers, redacted, for 5 days", 2), "plain": ("nothing", 1)}

    assert "2 requests" in admin.get("/system/content/keeping/delete/").text
    assert Body.objects.count() == 3
    admin.post("/system/content/keeping/delete/")
    assert Body.objects.count() == 1


def test_the_sample_data_can_be_removed_while_it_is_there(admin):
    assert "Remove the sample data" not in admin.get("/system/settings/").text.partition("<main")[2]
    InstallationState.objects.update_or_create(id=1, defaults={"sample_data": True})

    assert "Remove the sample data" in admin.get("/system/settings/").text.partition("<main")[2]
