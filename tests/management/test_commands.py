"""Every operator's command: one JSON document or sentences, errors by code, an example in its help, nothing half done."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from routerapp.models import AuditEvent, Body, DecisionInputs, Job, JobState, Provider, RoutedRequest
from routerapp.serving import audit
from routerapp.store.config_document import unix_ms
from tests.factories import a_deployment, a_key, a_policy, a_request, a_snapshot
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db

COMMANDS = (
    "apply",
    "backup",
    "doctor",
    "explain",
    "export",
    "journal",
    "purge",
    "restore",
    "rotate_secrets",
    "route",
    "verify_audit",
)


@pytest.fixture
def workspace():
    a_deployment(slug="small-one")
    a_policy(slug="support", is_default=True)
    a_snapshot()


@pytest.mark.parametrize("command", COMMANDS)
def test_its_help_has_an_example_and_the_exit_codes(run, command):
    shown = run(command, "--help")

    assert shown.exit_code == 0
    assert f"manage.py {command}" in shown.stdout.partition("example:")[2]
    assert "exit codes:" in shown.stdout
    assert "--json" in shown.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_arguments_nobody_knows_are_an_error_of_our_shape(run, command):
    refused = run(command, "--json", "--no-such-thing")

    assert refused.exit_code == 2
    assert refused.error["code"] == "usage"


@pytest.mark.usefixtures("workspace")
def test_route_says_where_a_prompt_would_go_and_records_nothing(run):
    decision = run("route", "Write a haiku", "--json").json
    shown = run("route", "Write a haiku").stdout

    assert (decision["outcome"], decision["plan"][0]["deployment"]) == ("routed", "small-one")
    assert len(decision["seed"]) == 16
    assert shown.startswith("small-one  by cheapest, rule “default” of support@1")
    assert RoutedRequest.objects.count() == 0


@pytest.mark.usefixtures("workspace")
def test_route_takes_a_body_a_version_a_model_and_a_key(run, tmp_path):
    key = a_key(slug="app", constraints_document={"providers": ["nobody"]})
    a_snapshot()
    body = tmp_path / "chat.json"
    body.write_text(
        json.dumps({"model": "policy/support", "messages": [{"role": "user", "content": "Hi"}], "tags": ["a"]})
    )

    assert run("route", "--file", str(body), "--json").json["policy"] == "support"
    assert run("route", "--file", "-", "--json", stdin=body.read_text()).json["policy"] == "support"
    assert run("route", "Hi", "--policy", "support", "--version", "1", "--json").json["policy_version"] == 1
    pinned = Provider.objects.get().slug
    model = run("route", "Hi", "--json").json["candidates"][0]["deployment"]
    assert model == "small-one" and pinned
    narrowed = run("route", "Hi", "--key", key.slug, "--json")
    assert narrowed.exit_code == 1
    assert narrowed.json["outcome"] == "no_candidate"


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "usage"),
        (("Hi", "--file", "x"), "usage"),
        (("Hi", "--version", "1"), "usage"),
        (("Hi", "--policy", "support", "--model", "m"), "usage"),
        (("Hi", "--policy", "nowhere"), "model_not_found"),
        (("Hi", "--policy", "support", "--version", "9"), "not_found"),
        (("Hi", "--draft", "9"), "not_found"),
        (("Hi", "--key", "nobody"), "not_found"),
        (("--file", "/no/such/file"), "unreadable_file"),
    ],
)
def test_route_says_what_is_wrong_with_the_question(run, arguments, code):
    refused = run("route", *arguments, "--json")

    assert refused.error["code"] == code
    assert refused.exit_code == 2


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize(
    "body",
    [
        '{"messages": []}',
        '{"messages": [5]}',
        '{"messages": [{"role": "user", "content": 5}]}',
        '{"messages": [{"role": "user", "content": "x"}], "router": {}}',
        '{"messages": [{"role": "user", "content": "x"}], "tools": [1]}',
        '{"messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}',
        '{"messages": [{"role": "user", "content": "x"}], "model": ""}',
        '{"messages": [{"role": "user", "content": "x"}], "metadata": {"a": 1}}',
        '{"messages": [{"role": "user", "content": "\\ud800"}]}',
    ],
)
def test_a_body_that_cannot_be_read_is_refused(run, body):
    assert run("route", "--file", "-", "--json", stdin=body).error["code"] == "usage"


@pytest.mark.usefixtures("workspace")
def test_export_goes_into_apply_without_a_change(run, tmp_path):
    path = tmp_path / "signalbox.yaml"
    path.write_text(run("export").stdout)
    as_json = run("export", "--json").stdout

    assert run("apply", str(path), "--prune").stdout.startswith("No changes")
    assert run("apply", "-", "--json", stdin=as_json).json["changes"] == []


@pytest.mark.usefixtures("workspace")
def test_apply_shows_the_difference_before_and_does_it_after(run, tmp_path):
    path = tmp_path / "signalbox.yaml"
    path.write_text("signalbox: 1\ndeployments:\n  small-one:\n    weight: 7\n")
    dry, done, again = run("apply", str(path), "--dry-run"), run("apply", str(path)), run("apply", str(path), "--json")

    assert "~ deployment small-one\n    weight: 1 → 7\n" in dry.stdout
    assert "dry run" in dry.stdout
    assert "Done" in done.stdout
    assert again.json == {"dry_run": False, "changes": [], "notes": []}


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("a: [", "unreadable_document", None),
        ("a: &x [1]\nb: *x\n", "unreadable_document", None),
        ("a: 1\na: 2\n", "unreadable_document", None),
        ("signalbox: 1\nproviders:\n  acme:\n    credential: sk-1\n", "invalid", "providers.acme.credential"),
        ("[" * 5000, "unreadable_document", None),
        ("", "invalid", ""),
        ("signalbox: 1\nmodels:\n  m:\n    context_window: 99999999999999999999999\n", "invalid", ""),
    ],
)
def test_apply_refuses_by_place_what_it_cannot_use(run, text, code, path):
    refused = run("apply", "-", "--json", stdin=text)

    assert (refused.exit_code, refused.error["code"]) == (3, code)
    if path is not None:
        assert [one["path"] for one in refused.error["details"]] == [path]
    assert AuditEvent.objects.count() == 0


def test_verify_audit_prints_a_head_that_later_runs_can_hold_it_to(run):
    for number in range(3):
        audit.record(ADMIN, "x", f"subject {number}")
    first = run("verify_audit", "--json").json
    audit.record(ADMIN, "x", "later")

    assert (first["is_whole"], first["events"]) == (True, 3)
    assert run("verify_audit", "--anchor", first["head"], "--json").exit_code == 0
    cut = run("verify_audit", "--anchor", "9:" + "0" * 64, "--json")
    assert (cut.exit_code, cut.json["first_broken_id"]) == (1, 9)
    assert run("verify_audit", "--anchor", "x", "--json").error["code"] == "bad_anchor"


def test_purge_counts_first_and_deletes_only_the_kinds_asked_for(run):
    old = unix_ms(timezone.now()) - 40 * 86_400_000
    a_request(at_ms=old, chat={"messages": []})
    a_request(at_ms=unix_ms(timezone.now()))
    counts = run("purge", "--kind", "bodies", "--days", "30", "--dry-run", "--json").json["counts"]

    assert counts == {"bodies": 1}
    assert Body.objects.count() == 1
    assert run("purge", "--kind", "bodies", "--json").json["counts"] == {"bodies": 1}
    assert (Body.objects.count(), DecisionInputs.objects.count(), RoutedRequest.objects.count()) == (0, 2, 2)
    assert run("purge", "--kind", "inputs", "--kind", "requests", "--days", "0", "--json").json["counts"] == {
        "inputs": 2,
        "requests": 2,
    }
    assert AuditEvent.objects.filter(action="purge").count() == 2


@pytest.mark.parametrize(
    "arguments", [("--days", "5"), ("--kind", "revisions", "--days", "5"), ("--days", "-1"), ("--kind", "x")]
)
def test_purge_takes_no_half_said_age(run, arguments):
    assert run("purge", "--json", *arguments).error["code"] == "usage"


@pytest.mark.usefixtures("workspace")
def test_doctor_says_what_is_well_and_what_to_do(run, settings):
    report = run("doctor", "--json")
    findings = {one["check"]: one for one in report.json["findings"]}

    assert {"python", "disk", "root secret", "migrations", "snapshot", "prices", "settings"} <= set(findings)
    assert findings["migrations"]["status"] == "ok"
    assert findings["processes"]["status"] == "warn"
    assert all(one["to_do"] for one in report.json["findings"] if one["status"] != "ok")
    assert not any(one["to_do"] for one in report.json["findings"] if one["status"] == "ok")


@pytest.mark.usefixtures("workspace")
def test_doctor_finds_what_is_wrong(run):
    a_deployment(slug="free", price=None, provider=Provider.objects.create(slug="acme", kind="openai", name="Acme"))
    Job.objects.create(kind="retention", state=JobState.FAILED, finished_at=timezone.now())
    findings = {one["check"]: one for one in run("doctor", "--json").json["findings"]}

    assert "free" in findings["prices"]["message"]
    assert "acme" in findings["credentials"]["message"]
    assert "retention" in findings["jobs"]["message"]
    assert run("doctor", "--strict").exit_code == 1


def test_doctor_always_has_an_answer(run, monkeypatch):
    from routerapp.serving.checkup import examine

    def broken():
        raise RuntimeError("no")

    monkeypatch.setattr(examine, "CHECKS", (broken,))
    found = examine.examine(examine.CHECKS)

    assert [(one.check, one.status) for one in found] == [("broken", "fail")]
