"""Every page × every role × every form of credential. A page that is not listed here fails the build (T7, T9, T11)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.urls.converters import IntConverter, UUIDConverter

from dashboard.roles import EVERYONE
from dashboard.urls import urlpatterns
from routerapp.models import Role, User
from routerapp.serving.permissions import RANK
from tests.api.callers import maker
from tests.dashboard.conftest import _static_files_without_manifest as _static_files_without_manifest
from tests.factories import a_draft, a_key, a_language_model, a_policy, a_user

PAGES = {
    EVERYONE: """
        sign-in sign-out theme sign-in-code sign-in-provider sign-in-provider-return invitation
    """,
    Role.VIEWER: """
        overview chart-csv request-list request-export request-detail request-replay request-why-not search password
        policy-list policy-detail version-detail draft-detail draft-document draft-changes
        experiment-list experiment-detail experiment-csv
        evaluation benchmark-detail evaluation-job predictor-detail predictor-compare evaluation-report evaluation-csv
        task-class-list task-class calibration-detail
        language-model-list price-import deployment-detail language-model-detail provider-list provider-detail
        account second-factor second-factor-picture second-factor-off recovery-codes sign-out-others
        identity-link identity-unlink alert-list alert-incident playground
    """,
    Role.EDITOR: """
        policy-create draft-create draft-rebase draft-discard settings-edit default-edit condition-matches
        rule-create rule-edit rule-move rule-toggle rule-remove experiment-create experiment-discard
        benchmark-import benchmark-delete refit-now predictor-prior predictor-train predictor-evaluate evaluation-job-stop evaluation-draft
        calibration-create calibration-start calibration-stop calibration-estimate calibration-finish calibration-delete calibration-grade
        task-class-create task-class-edit task-class-remove task-head-fit task-head-shipped
        dimension-create score-edit learn-now playground-route playground-run playground-vote playground-why-not
    """,
    Role.PUBLISHER: """
        welcome-policy policy-set-default version-roll-back draft-publish
        experiment-start experiment-stop experiment-decide
        predictor-promote predictor-retire predictor-roll-back refit-schedule
        task-head-promote task-head-roll-back task-head-off
    """,
    Role.ADMIN: """
        sample-data-remove welcome welcome-close welcome-start-empty welcome-password welcome-provider
        welcome-simulated welcome-connect welcome-check welcome-models welcome-terms welcome-key welcome-request
        language-model-create deployment-create repricing repricing-job repricing-apply repricing-cancel
        deployment-operate deployment-archive deployment-edit deployment-toggle price-create language-model-edit
        provider-create provider-edit provider-test provider-credential provider-models provider-toggle
        provider-archive user-list invitation-create invitation-withdraw sign-in-settings user-detail user-deed
        alert-retry alert-rule-kinds alert-rule-create alert-rule-edit alert-rule-remove
        alert-channel-create alert-channel alert-channel-secret alert-channel-test alert-channel-remove
        audit audit-check audit-export system system-jobs system-settings settings-change policy-content-delete
        job-cancel job-retry key-list key-create key-edit key-revoke team-create team-edit team-archive
        end-user-create end-user-edit end-user-remove unpriced-set
    """,
}
ROLE_OF = {name: role for role, names in PAGES.items() for name in names.split()}
CLOSED = {name: role for name, role in ROLE_OF.items() if role != EVERYONE}
PATTERNS = {pattern.name: pattern for pattern in urlpatterns}
# Shown to more people than may change it.
NEEDED_TO_POST = {"draft-document": Role.EDITOR, "price-import": Role.ADMIN}
# Every installation is born with these; the sample models are scored by them.
SCORES = ("accuracy", "code", "math", "reasoning")
ACTIONS = ("GET", "POST")
SIGN_IN = "/sign-in/"

pytestmark = pytest.mark.django_db


def address_of(name: str) -> str:
    """With something in each place: of the policy that is there, nothing for most others."""
    samples: dict[type, Any] = {IntConverter: 1, UUIDConverter: "0193b000-0000-7000-8000-000000000001"}
    arguments = {
        place: samples.get(type(converter), "support") for place, converter in PATTERNS[name].pattern.converters.items()
    }
    return reverse(f"dashboard:{name}", kwargs=arguments)


ADDRESSES = {name: address_of(name) for name in CLOSED}


def client_of(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def is_turned_away(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(SIGN_IN)


def test_every_page_is_listed_and_held_to_its_role() -> None:
    assert set(ROLE_OF) == set(PATTERNS)
    assert {name: pattern.callback.required_role for name, pattern in PATTERNS.items()} == ROLE_OF


@pytest.mark.parametrize("role", Role.values)
def test_a_role_opens_what_the_table_says_and_nothing_else(role: str) -> None:
    """Whoever may not is told 403 before anything else about the page: neither that it is a POST nor that nothing is there."""
    # Its address says 1; how many drafts other tests have made on this database, the database remembers.
    a_draft(a_policy(slug="support"), pk=1)
    a_language_model(scores=dict.fromkeys(SCORES, 0.5))
    client, wrong = client_of(a_user(role)), {}
    for name, page_role in CLOSED.items():
        for method in ACTIONS:
            least = NEEDED_TO_POST.get(name, page_role) if method == "POST" else page_role
            answer = client.generic(method, ADDRESSES[name], "")
            is_open = RANK[role] >= RANK[least]
            if answer.status_code >= 500 or (answer.status_code == 403) == is_open or is_turned_away(answer):
                wrong[name, method] = answer.status_code

    assert wrong == {}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


# Everything a key or a password could be shown as, but the session: none of it opens a page.
FORMS: dict[str, Any] = {
    "nothing": lambda key: ({}, ""),
    "bearer": lambda key: ({"authorization": f"Bearer {key}"}, ""),
    "x-api-key": lambda key: ({"x-api-key": key}, ""),
    "both": lambda key: ({"authorization": f"Bearer {key}", "x-api-key": key}, ""),
    "basic": lambda key: ({"authorization": basic(f"maker:{key}")}, ""),
    "basic with the password": lambda key: ({"authorization": basic("maker:correct-horse-9")}, ""),
    "query string": lambda key: ({}, f"?api_key={key}&token={key}&sessionid={key}"),
    "cookie": lambda key: ({"cookie": f"signalbox={key}; sessionid={key}"}, ""),
    "forwarded user": lambda key: ({"remote-user": "maker", "x-remote-user": "maker", "x-forwarded-user": "maker"}, ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_only_a_session_opens_a_page(form: str) -> None:
    key = a_key(scopes=["chat", "admin"], created_by=maker()).full_key
    headers, query = FORMS[form](key)
    wrong = {}
    for name, address in ADDRESSES.items():
        for method in ACTIONS:
            answer = client_of(None).generic(method, address + query, "", headers=headers)
            if not is_turned_away(answer):
                wrong[name, method] = answer.status_code

    assert wrong == {}


@pytest.mark.parametrize("how", ["locked", "session ended", "password changed"])
def test_a_session_that_is_over_opens_no_page(how: str) -> None:
    user = a_user("admin", username="gone")
    client = client_of(user)
    assert client.get("/audit/").status_code == 200
    if how == "locked":
        user.is_active = False
        user.save()
    elif how == "password changed":
        user.set_password("another-good-password-1")
        user.save()
    else:
        client.session.flush()
    cookies = client.cookies.output(attrs=[], header="", sep=";").strip()
    wrong = {}
    for name, address in ADDRESSES.items():
        for method in ACTIONS:
            answer = client_of(None).generic(method, address, "", headers={"cookie": cookies})
            if not is_turned_away(answer):
                wrong[name, method] = answer.status_code

    assert wrong == {}


def test_no_page_takes_a_post_from_another_site() -> None:
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    client.force_login(a_user("admin"), backend="django.contrib.auth.backends.ModelBackend")
    found = {
        name: client.post(address, {}, headers={"origin": "https://evil.example"}).status_code
        for name, address in ADDRESSES.items()
    }

    assert {name: status for name, status in found.items() if status != 403} == {}
