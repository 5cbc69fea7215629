"""Alerts in the configuration document: rules and mail channels as a whole, webhooks without what may be secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerapp.models import AlertChannel, AlertRule
from routerapp.serving.alerts.channels import add_channel
from routerapp.serving.alerts.receiver import receiver_of
from routerapp.serving.alerts.rules import add_rule
from routerapp.serving.configuration.document import Applied, apply_configuration, export_configuration
from routerapp.serving.document_text import read_text, write_text
from routerapp.serving.edit_end_users import limit_end_user
from routerapp.serving.refusals import Invalid
from routerapp.smtp_settings import SmtpSettings
from tests.factories import a_team
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db

HOOK = "https://hooks.example.org/services/T0/path-is-secret"
MAIL = {"kind": "email", "name": "Mail", "address": "ops@example.org"}
RULE = {
    "kind": "error_share",
    "name": "Errors",
    "subject": "team:legal",
    "threshold": 0.25,
    "window_minutes": 30,
    "least_requests": 10,
    "is_enabled": True,
    "channels": ["ops"],
}


@pytest.fixture(autouse=True)
def smtp(settings: pytest.MonkeyPatch) -> None:
    environment = settings.ENVIRONMENT  # type: ignore[attr-defined]
    settings.ENVIRONMENT = replace(
        environment, smtp=SmtpSettings("mail.example.org", 587, is_tls=False, sender="router@example.org")
    )  # type: ignore[attr-defined]


def applied(**sections: object) -> Applied:
    return apply_configuration({"signalbox": 1, **sections}, by=ADMIN)


def problems_of(**sections: object) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        applied(**sections)
    return {one.path: one.code for one in refused.value.problems}


def an_installation() -> None:
    a_team(slug="legal")
    ada = limit_end_user("ada", {"label": "Ada", "daily_spend_usd": "1"}, by=ADMIN)
    add_channel("webhook", {"name": "Chat", "address": HOOK}, "0123456789abcdef-secret", by=ADMIN)
    add_channel("email", {"name": "Mail", "address": "ops@example.org"}, by=ADMIN)
    rule = {"name": "Ada spends", "subject": f"end_user:{ada.pk}", "threshold": 1, "channels": ["mail", "chat"]}
    add_rule("budget", rule, by=ADMIN)


@pytest.mark.parametrize("language", ["yaml", "json"])
def test_what_was_written_changes_nothing_and_holds_no_secret(language: str) -> None:
    an_installation()
    text = write_text(export_configuration(by=ADMIN), language)
    document, _ = read_text(text)

    assert apply_configuration(document, by=ADMIN, prune=True).changes == ()
    for secret in (
        "path-is-secret",
        "0123456789abcdef",
        '"ada"',
        ": ada\n",
        AlertChannel.objects.get(slug="chat").ciphertext,
    ):
        assert secret not in text
    assert document["alert_channels"]["chat"]["receiver"] == "https://hooks.example.org/…"


def test_an_empty_installation_gets_mail_channels_and_rules_under_their_slugs() -> None:
    a_team(slug="legal")
    sections = {"alert_channels": {"ops": MAIL}, "alert_rules": {"errors-of-legal": RULE}}
    applied(**sections)

    row = AlertRule.objects.get()
    assert (row.slug, row.kind, row.threshold, row.subject) == ("errors-of-legal", "error_share", 0.25, "team:legal")
    assert [channel.slug for channel in row.channels.all()] == ["ops"]
    assert applied(**sections).changes == ()


def test_what_cannot_move_is_left_to_people_and_the_rest_goes_on() -> None:
    an_installation()
    document = export_configuration(by=ADMIN)
    AlertRule.objects.all().delete()
    AlertChannel.objects.filter(slug="chat").delete()
    document["alert_rules"]["other"] = {**document["alert_rules"]["ada-spends"], "subject": "end_user:" + "f" * 64}
    notes = apply_configuration(document, by=ADMIN).notes

    assert [row.slug for row in AlertRule.objects.all()] == ["ada-spends"]
    assert [channel.slug for channel in AlertRule.objects.get().channels.all()] == ["mail"]
    assert notes == (
        "alert channel chat: is not here. Make it under Alerts: a webhook's address is in no document.",
        "alert rule ada-spends: channel chat is not here. See to it by hand.",
        "alert rule other: end user ffffffffffff has no limits here and channel chat is not here. See to it by hand.",
    )


def test_changes_are_told_by_field_and_prune_takes_rules_only() -> None:
    an_installation()
    done = applied(alert_channels={"chat": {"is_enabled": False}}, alert_rules={"ada-spends": {"threshold": 0.5}})

    assert [(one.path, one.before, one.after) for one in done.changes] == [
        ("alert_channels.chat", {"is_enabled": True}, {"is_enabled": False}),
        ("alert_rules.ada-spends", {"threshold": 1.0}, {"threshold": 0.5}),
    ]
    assert receiver_of(AlertChannel.objects.get(slug="chat")) == HOOK
    empty = {"signalbox": 1, "alert_channels": {}, "alert_rules": {}}
    removed = [one.path for one in apply_configuration(empty, by=ADMIN, prune=True).changes]
    assert removed == ["alert_rules.ada-spends"]
    assert AlertChannel.objects.count() == 2


@pytest.mark.parametrize(
    ("sections", "path", "code"),
    [
        (
            {"alert_channels": {"hook": {"kind": "webhook", "address": HOOK}}},
            "alert_channels.hook.address",
            "unknown_field",
        ),
        ({"alert_channels": {"hook": {"secret": "x" * 20}}}, "alert_channels.hook.secret", "unknown_field"),
        ({"alert_channels": {"pager": {"kind": "pager"}}}, "alert_channels.pager.kind", "unknown_kind"),
        ({"alert_channels": {"Big One": MAIL}}, "alert_channels.Big One.slug", "bad_slug"),
        ({"alert_channels": {"ops": {**MAIL, "address": "nobody"}}}, "alert_channels.ops.address", "bad_address"),
        ({"alert_channels": {"chat": {"address": HOOK}}}, "alert_channels.chat.address", "unknown_field"),
        ({"alert_channels": {"chat": {"receiver": "https://evil.example/…"}}}, "alert_channels.chat.receiver", "fixed"),
        ({"alert_rules": {"r": {"name": "R"}}}, "alert_rules.r.kind", "unknown_kind"),
        ({"alert_rules": {"r": {**RULE, "threshold": 7}}}, "alert_rules.r.threshold", "out_of_range"),
        ({"alert_rules": {"r": {**RULE, "threshold": "much"}}}, "alert_rules.r.threshold", "invalid"),
        ({"alert_rules": {"r": {**RULE, "subject": "team:nobody"}}}, "alert_rules.r.subject", "bad_subject"),
        ({"alert_rules": {"r": {**RULE, "channels": [5]}}}, "alert_rules.r.channels", "not_a_list"),
        ({"alert_rules": {"ada-spends": {"kind": "spool"}}}, "alert_rules.ada-spends.kind", "fixed"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_path(sections: dict[str, object], path: str, code: str) -> None:
    an_installation()

    assert problems_of(**sections) == {path: code}
