"""Every page there is, from the dashboard's own URL conf: a page that is added must say here how it is reached, or a test fails."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from playwright.sync_api import Page, expect

# Answer a POST, a file or a fragment; the pages they lead to are visited as pages.
NOT_PAGES = frozenset(
    {
        "task-class-create",
        "task-class-edit",
        "task-class-remove",
        "task-head-fit",
        "task-head-off",
        "task-head-promote",
        "task-head-roll-back",
        "task-head-shipped",
        "chart-csv",
        "request-export",
        "request-replay",
        "sign-out",
        "theme",
        "sample-data-remove",
        "policy-set-default",
        "draft-create",
        "draft-publish",
        "draft-rebase",
        "draft-discard",
        "condition-matches",
        "rule-move",
        "rule-toggle",
        "rule-remove",
        "deployment-toggle",
        "deployment-operate",
        "provider-test",
        "provider-toggle",
        "learn-now",
        "repricing-apply",
        "repricing-cancel",
        "playground-route",
        "playground-run",
        "playground-vote",
        "audit-check",
        "audit-export",
        "job-cancel",
        "job-retry",
        "playground-why-not",
        "unpriced-set",
        "experiment-start",
        "experiment-stop",
        "experiment-decide",
        "experiment-discard",
        "experiment-csv",
        "benchmark-delete",
        "calibration-start",
        "calibration-stop",
        "calibration-estimate",
        "calibration-finish",
        "calibration-delete",
        "evaluation-job-stop",
        "predictor-promote",
        "predictor-retire",
        "predictor-roll-back",
        "refit-schedule",
        "refit-now",
        "predictor-evaluate",
        "evaluation-csv",
        "evaluation-draft",
        "welcome-close",
        "welcome-start-empty",
        "welcome-simulated",
        "welcome-terms",
        "sign-out-others",
        "identity-unlink",
        "second-factor-picture",
        "sign-in-provider",
        "sign-in-provider-return",
        "alert-retry",
        "alert-channel-secret",
        "alert-channel-test",
        "settings-change",
    }
)
# Only of an account with a second factor, or beside an OpenID provider: test_people.py looks at them.
OF_AN_ACCOUNT = frozenset({"second-factor-off", "recovery-codes", "identity-link", "sign-in-code"})
# Signed in, this one leads elsewhere; it is looked at before signing in.
SIGN_IN = "sign-in"


@dataclass(frozen=True, slots=True)
class Address:
    """A page: where it is and, when it takes a press to get there, what to press."""

    label: str
    path: str
    arrive: Callable[[Page], None] | None = None
    status: int = 200


def pages_of_url_conf(names: Mapping[str, Mapping[str, Any]]) -> list[Address]:
    """names: per URL name what goes into it."""
    return [Address(name, reverse(f"dashboard:{name}", kwargs=kwargs)) for name, kwargs in names.items()]


# Reached without saying which one.
PLAIN = (
    "overview",
    "request-list",
    "password",
    "policy-list",
    "policy-create",
    "language-model-list",
    "language-model-create",
)
PLAIN += ("dimension-create", "deployment-create", "provider-create", "playground", "key-list", "key-create")
PLAIN += ("team-create", "end-user-create", "provider-list", "price-import", "repricing")
PLAIN += ("experiment-list", "experiment-create")
PLAIN += (
    "evaluation",
    "benchmark-import",
    "calibration-create",
    "predictor-prior",
    "predictor-train",
    "predictor-compare",
)
PLAIN += ("task-class-list",)
PLAIN += ("alert-list", "alert-rule-kinds")
PLAIN += ("audit", "system", "system-jobs", "system-settings")
PLAIN += ("account", "second-factor", "user-list", "invitation-create", "sign-in-settings")
PLAIN += (
    "search",
    "welcome",
    "welcome-password",
    "welcome-provider",
    "welcome-models",
    "welcome-policy",
    "welcome-key",
)
PLAIN += ("welcome-request",)


def every_page(facts: Mapping[str, Any]) -> list[Address]:
    """facts: draft, empty_draft, rule, key, incident, incident_over, training, calibration, evaluation, alert_rule, alert_channel, invitation, invitation_token, answered, failed, hostile (see hostile.py)."""
    draft = {"slug": "company", "draft_id": facts["draft"]}
    in_draft = ("draft-detail", "draft-document", "draft-changes", "settings-edit", "default-edit", "rule-create")
    names: dict[str, Mapping[str, Any]] = {
        **{name: {} for name in PLAIN},
        **{name: draft for name in in_draft},
        "request-detail": {"request_id": facts["hostile"]},
        "request-why-not": {"request_id": facts["hostile"], "deployment": "hostile-place"},
        "policy-detail": {"slug": "company"},
        "experiment-detail": {"slug": "hostile-running"},
        "version-detail": {"slug": "company", "number": 2},
        "version-roll-back": {"slug": "company", "number": 1},
        "rule-edit": {**draft, "rule_id": facts["rule"]},
        **_of_the_catalogue(facts),
        "welcome-connect": {"preset": "openai"},
        "welcome-check": {"slug": "hostile"},
        "key-revoke": {"slug": facts["key"]},
        "user-detail": {"username": "hostile@evil.example"},
        "user-deed": {"username": "hostile@evil.example", "deed": "lock"},
        "invitation": {"token": facts["invitation_token"]},
        "invitation-withdraw": {"invitation_id": facts["invitation"]},
        **_of_alerts(facts),
        "benchmark-detail": {"slug": "hostile-benchmark"},
        "calibration-detail": {"calibration_id": facts["calibration"]},
        "calibration-grade": {"calibration_id": facts["calibration"]},
        "evaluation-job": {"job_id": facts["training"]},
        "predictor-detail": {"name": "hostile-predictor", "version": 1},
        "task-class": {"slug": "translate"},
        "evaluation-report": {"report_id": facts["evaluation"]},
        "policy-content-delete": {"slug": "company"},
        "key-edit": {"slug": facts["key"]},
        "team-edit": {"slug": "hostile-team"},
        "team-archive": {"slug": "hostile-team"},
        "end-user-edit": {"row_id": facts["end_user"]},
        "end-user-remove": {"row_id": facts["end_user"]},
    }
    return pages_of_url_conf(names) + _states(facts)


def _of_alerts(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        "alert-incident": {"incident_id": facts["incident"]},
        "alert-rule-create": {"kind": "error_share"},
        "alert-rule-edit": {"slug": facts["alert_rule"]},
        "alert-rule-remove": {"slug": facts["alert_rule"]},
        "alert-channel-create": {"kind": "webhook"},
        "alert-channel": {"slug": facts["alert_channel"]},
        "alert-channel-remove": {"slug": facts["alert_channel"]},
    }


def _of_the_catalogue(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {
        "deployment-edit": {"slug": "hostile-place"},
        "price-create": {"slug": "hostile-place"},
        "provider-detail": {"slug": "hostile"},
        "provider-edit": {"slug": "hostile"},
        "provider-credential": {"slug": "hostile"},
        "provider-models": {"slug": "hostile"},
        "provider-archive": {"slug": "hostile"},
        "deployment-detail": {"slug": "hostile-place"},
        "deployment-archive": {"slug": "hostile-place"},
        "repricing-job": {"job_id": facts["repricing"]},
        "language-model-detail": {"slug": "hostile-model"},
        "language-model-edit": {"slug": "hostile-model"},
        "score-edit": {"slug": "hostile-model", "dimension": "accuracy"},
    }


def _states(facts: Mapping[str, Any]) -> list[Address]:
    """Pages of an address already visited, in another state."""
    return [
        Address("request answered", f"/requests/{facts['answered']}/"),
        Address("request failed", f"/requests/{facts['failed']}/"),
        Address("requests, none found", "/requests/?model=hostile-model&status=ok"),
        Address("requests, a bad filter", "/requests/?cursor=rubbish", status=422),
        Address("experiment not started", "/experiments/hostile-draft/"),
        Address("experiment of the demo", "/experiments/cheaper-code/"),
        Address("experiment form refused", "/experiments/new/", _make_no_experiment),
        Address("benchmark refused", "/evaluation/benchmarks/import/", _import_nothing),
        Address("benchmark that could not be read", "/evaluation/benchmarks/hostile-failed/"),
        Address("training, its models", "/evaluation/train/?benchmark=hostile-benchmark"),
        Address("predictors compared", "/evaluation/predictors/compare/?a=hostile-predictor@1&b=hostile-predictor@1"),
        Address("policy never published", "/policies/hostile-policy/"),
        Address("empty draft", f"/policies/hostile-policy/drafts/{facts['empty_draft']}/"),
        Address("rule of a plain condition", f"/policies/company/drafts/{facts['draft']}/rules/pii-stays-local/"),
        Address("model", "/models/claude-opus-5-5/"),
        Address("models, by one dimension", "/models/?sort=code"),
        Address("provider of a vendor", "/providers/new/?preset=azure"),
        Address("provider simulated", "/providers/new/?kind=simulated"),
        Address("models chosen", "/providers/hostile/models/?model=<img src=x onerror=alert(1)>&typed=gpt-4o"),
        Address("deployment over a month", "/models/deployments/hostile-place/?range=30d"),
        Address("key form refused", "/keys/new/", _make_nothing),
        Address("key created", "/keys/new/", _make_key),
        Address("playground routed", "/playground/", _route),
        Address("playground of a recorded prompt", f"/playground/?request={facts['hostile']}"),
        Address("audit, none found", "/audit/?subject=nothing"),
        Address("audit, a bad filter", "/audit/?cursor=rubbish", status=422),
        Address("jobs, a bad filter", "/system/jobs/?state=rubbish", status=422),
        Address("alert that is over", f"/alerts/{facts['incident_over']}/"),
        Address("alerts, a bad page", "/alerts/?before=rubbish", status=422),
        Address("alert rule refused", "/alerts/rules/new/budget/", _make_no_alert_rule),
        Address("alert channel by mail", "/alerts/channels/new/email/"),
        Address("settings refused", "/system/settings/", _save_no_settings),
        Address("users refused an invitation", "/users/-/invite/", _invite_nobody),
        Address("users invited", "/users/-/invite/", _invite),
        Address("search, found", "/search/?q=hostile"),
        Address("search, nothing found", "/search/?q=%3Cimg%20src%3Dx%3E"),
        Address("a template", "/welcome/policy/?template=personal-data-stays"),
        Address("wizard made a key", "/welcome/key/", _make_first_key),
        Address("palette", "/policies/", _open_palette),
        Address("nothing there", "/no/such/page/", status=404),
        Address("API description", "/api/docs/"),
    ]


def _make_nothing(page: Page) -> None:
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("[aria-invalid=true], .error").first).to_be_visible()


def _make_first_key(page: Page) -> None:
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#full-key")).to_be_visible()


def _open_palette(page: Page) -> None:
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    page.locator("#palette-query").fill("hostile")
    expect(page.locator("#palette [role=option]").first).to_be_visible()


def _import_nothing(page: Page) -> None:
    page.get_by_role("button", name="Import").click()
    expect(page.locator("[aria-invalid=true], .error").first).to_be_visible()


def _make_no_experiment(page: Page) -> None:
    page.get_by_role("button", name="Add an arm").click()
    expect(page.locator("[data-arm]")).to_have_count(3)
    page.get_by_role("button", name="Make the experiment").last.click()
    expect(page.locator("[aria-invalid=true], .error").first).to_be_visible()


def _make_key(page: Page) -> None:
    page.locator("[name=name]").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("sb_live_").first).to_be_visible()


def _make_no_alert_rule(page: Page) -> None:
    page.get_by_role("button", name="Make the rule").click()
    expect(page.locator("[aria-invalid=true], .error").first).to_be_visible()


def _save_no_settings(page: Page) -> None:
    page.get_by_label("Health checks").fill("0")
    page.get_by_role("button", name="Save How long it is kept").click()
    expect(page.locator("[aria-invalid=true], .error").first).to_be_visible()


def _invite_nobody(page: Page) -> None:
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("[aria-invalid=true], .error").first).to_be_visible()


def _invite(page: Page) -> None:
    """Another name each time: the pages are visited in several widths and themes."""
    page.locator("[name=username]").fill(f"guest-{secrets.token_hex(4)}")
    page.get_by_role("button", name="Make the link").click()
    expect(page.locator("#link")).to_be_visible()


def _route(page: Page) -> None:
    page.locator("[name=prompt]").fill("<img src=x onerror=alert(1)> javascript:alert(1)")
    page.locator("[name=compare]").select_option("policy:support")
    page.locator("[data-routes]").click()
    expect(page.locator(".play-columns > *")).to_have_count(2)
