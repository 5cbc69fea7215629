"""Settings of an installation: each checked, audited, read back with whether somebody chose it."""

from __future__ import annotations

import pytest

from routerapp.models import AuditEvent, ConfigRevision, InstallationState
from routerapp.serving.installation_settings import SETTINGS, change_settings, read_settings, set_values
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from routerapp.store.retention import retention_days
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db


def test_every_default_passes_its_own_check():
    from routerapp.models import Dimension

    for slug in set(SETTINGS["task_dimensions"].default.values()):
        Dimension.objects.create(slug=slug, name=slug)

    assert all(setting.check(setting.default) == setting.default for setting in SETTINGS.values())


def test_a_change_holds_at_once_is_audited_and_null_takes_it_back():
    change_settings({"retention_days": {"bodies": 3}, "when_spool_is_full": "serve"}, by=ADMIN)
    assert retention_days().bodies == 3
    assert retention_days().inputs == 90
    change_settings({"when_spool_is_full": None}, by=ADMIN)

    assert set_values() == {"retention_days": {"bodies": 3}}
    assert {one.setting.name for one in read_settings() if one.is_set} == {"retention_days"}
    event = AuditEvent.objects.order_by("pk").first()
    assert (event.action, event.after["when_spool_is_full"]) == ("edit_settings", "serve")
    assert ConfigRevision.objects.exists()


def test_the_products_own_bookkeeping_stays_untouched():
    InstallationState.objects.update_or_create(id=1, defaults={"settings": {"first_started_at": "then", "control": {}}})
    change_settings({"header_allow": ["X-App"]}, by=ADMIN)

    assert InstallationState.objects.get().settings == {
        "first_started_at": "then",
        "control": {},
        "header_allow": ["x-app"],
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", 1),
        ("control", {}),
        ("retention_days", 5),
        ("retention_days", {"bodies": -1}),
        ("retention_days", {"bodies": True}),
        ("retention_days", {"rubbish": 1}),
        ("when_spool_is_full", "maybe"),
        ("when_spool_is_full", ["serve"]),
        ("max_snapshot_age_seconds", 0),
        ("max_snapshot_age_seconds", 10**9),
        ("metadata_allow", "team"),
        ("metadata_allow", ["a b"]),
        ("metadata_allow", ["x"] * 51),
        ("header_allow", ["Authorization"]),
        ("header_allow", ["X-Api-Key"]),
        ("header_allow", [5]),
        ("task_words", {"poetry": ["x"]}),
        ("task_words", {"code": "python"}),
        ("task_words", {"code": [""]}),
        ("task_words", {"code": ["python^many"]}),
        ("task_dimensions", {"code": "nowhere"}),
        ("task_dimensions", []),
        ("label_values", {"good": 2}),
        ("label_values", {"good": True}),
        ("label_values", {"better_than:x": 1}),
        ("label_values", {"": 1}),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(name, value):
    with pytest.raises(Invalid) as refused:
        change_settings({name: value}, by=ADMIN)

    assert [problem.path for problem in refused.value.problems] == [name]
    assert not AuditEvent.objects.exists()


def test_only_admins_change_them():
    with pytest.raises(NotAllowed):
        change_settings({"when_spool_is_full": "serve"}, by=PUBLISHER)
