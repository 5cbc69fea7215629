"""Rules: what may be watched, from how much on; every refusal names the field and what is allowed."""

from __future__ import annotations

import pytest

from routerapp.models import AlertRule, AuditEvent
from routerapp.serving.alerts.kinds import KINDS
from routerapp.serving.alerts.rules import add_rule, edit_rule, remove_rule
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from tests.factories import a_key, a_policy
from tests.serving.actors import ADMIN, PUBLISHER
from tests.serving.alerts.alerting import a_channel, a_rule

pytestmark = pytest.mark.django_db


def test_a_rule_has_its_kinds_default_threshold_and_tells_its_channels():
    channel = a_channel()
    row = add_rule("error_share", {"name": "Errors!", "channels": [channel.slug]}, by=ADMIN)

    assert (row.slug, row.threshold, row.subject, row.window_minutes) == ("errors", 0.2, "", 15)
    assert list(row.channels.all()) == [channel]
    assert AuditEvent.objects.get().after["channels"] == [channel.slug]
    assert add_rule("error_share", {"name": "Errors!"}, by=ADMIN).slug != "errors"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_made_with_the_least_that_is_asked(kind):
    measured = {"spool": {"subject": "bytes", "threshold": 512}, "input_drift": {"subject": "week", "threshold": 0.2}}
    fields = {"name": "x", **measured.get(kind, {})}

    assert add_rule(kind, fields, by=ADMIN).kind == kind


@pytest.mark.parametrize(
    ("kind", "fields", "path"),
    [
        ("nonsense", {}, "kind"),
        ("error_share", {"name": " "}, "name"),
        ("error_share", {"name": None}, "name"),
        ("error_share", {"threshold": 0}, "threshold"),
        ("error_share", {"threshold": 1.5}, "threshold"),
        ("error_share", {"threshold": float("nan")}, "threshold"),
        ("error_share", {"threshold": float("inf")}, "threshold"),
        ("error_share", {"threshold": 10**400}, "threshold"),
        ("error_share", {"threshold": True}, "threshold"),
        ("error_share", {"threshold": "much"}, "threshold"),
        ("error_share", {"window_minutes": 0}, "window_minutes"),
        ("error_share", {"window_minutes": 1441}, "window_minutes"),
        ("error_share", {"least_requests": 0}, "least_requests"),
        ("error_share", {"subject": "key:nobody"}, "subject"),
        ("error_share", {"subject": "end_user:1"}, "subject"),
        ("error_share", {"subject": "x" * 101}, "subject"),
        ("error_share", {"subject": "policy:\0"}, "subject"),
        ("budget", {"subject": "end_user:" + "9" * 60}, "subject"),
        ("budget", {"subject": "end_user:²"}, "subject"),
        ("budget", {"subject": "model:x"}, "subject"),
        ("spool", {}, "threshold"),
        ("spool", {"threshold": 20}, "subject"),
        ("spool", {"subject": "lag", "threshold": 1}, "threshold"),
        ("unpriced", {"threshold": 0.5}, "threshold"),
        ("error_share", {"channels": ["nowhere"]}, "channels"),
        ("error_share", {"channels": "nowhere"}, "channels"),
        ("error_share", {"channels": [5]}, "channels"),
        ("error_share", {"is_enabled": "on"}, "is_enabled"),
        ("error_share", {"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(kind, fields, path):
    with pytest.raises(Invalid) as refused:
        add_rule(kind, {"name": "x", **fields}, by=ADMIN)

    assert [problem.path for problem in refused.value.problems] == [path]
    assert not AlertRule.objects.exists() and not AuditEvent.objects.exists()


def test_a_rule_may_watch_one_thing():
    a_policy(slug="support")
    a_key(slug="mine")

    assert add_rule("error_share", {"name": "x", "subject": "policy:support"}, by=ADMIN).subject == "policy:support"
    assert add_rule("budget", {"name": "x", "subject": "key:mine"}, by=ADMIN).subject == "key:mine"


def test_what_is_left_out_stays():
    channel = a_channel()
    row = a_rule(channels=(channel,), threshold=0.5)
    edit_rule(row.slug, {"name": "Other"}, by=ADMIN)
    row.refresh_from_db()

    assert (row.name, row.threshold, row.channels.count()) == ("Other", 0.5, 1)
    edit_rule(row.slug, {"channels": []}, by=ADMIN)
    assert row.channels.count() == 0


def test_a_rule_goes_for_good_and_only_for_admins():
    row = a_rule()
    with pytest.raises(NotAllowed):
        remove_rule(row.slug, by=PUBLISHER)
    remove_rule(row.slug, by=ADMIN)

    with pytest.raises(Missing):
        edit_rule(row.slug, {}, by=ADMIN)
