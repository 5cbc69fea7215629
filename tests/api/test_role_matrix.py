"""Every route of the management API × every kind of caller. A route that is not listed here fails the build."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from routerapp.api.urls import urlpatterns
from routerapp.models import Role
from routerapp.serving.permissions import RANK
from tests.api.callers import CHAT_ONLY, NOBODY, Caller, calls_as, error_of
from tests.factories import a_deployment, a_draft, a_policy

OPEN = "open"
V, E, P, A = Role.VIEWER, Role.EDITOR, Role.PUBLISHER, Role.ADMIN
MATRIX: dict[str, dict[str, str]] = {
    "policies": {"GET": V, "POST": E},
    "policy": {"GET": V, "PATCH": E, "DELETE": P},
    "policy-make-default": {"POST": P},
    "versions": {"GET": V},
    "version": {"GET": V},
    "policy-roll-back": {"POST": P},
    "drafts": {"GET": V, "POST": E},
    "draft": {"GET": V, "PUT": E, "DELETE": E},
    "draft-checks": {"GET": V},
    "draft-publish": {"POST": P},
    "draft-rebase": {"POST": E},
    "models": {"GET": V, "POST": A},
    "model": {"GET": V, "PATCH": A, "DELETE": A},
    "score": {"PUT": E, "DELETE": E},
    "learned-scores": {"GET": V, "POST": E},
    "dimensions": {"GET": V, "POST": E},
    "dimension": {"PATCH": E},
    "deployments": {"GET": V, "POST": A},
    "deployment": {"GET": V, "PATCH": A, "DELETE": A},
    "prices": {"GET": V, "POST": A},
    "price": {"DELETE": A},
    "providers": {"GET": V, "POST": A},
    "provider": {"GET": V, "PATCH": A, "DELETE": A},
    "provider-credential": {"PUT": A, "DELETE": A},
    "provider-test": {"POST": A},
    "provider-upstream-models": {"POST": A},
    "provider-deployments": {"POST": A},
    "provider-presets": {"GET": V},
    "price-import": {"GET": V, "POST": A},
    "repricings": {"POST": A},
    "repricing-apply": {"POST": A},
    "unpriced": {"GET": V},
    "deployment-state": {"GET": V},
    "deployment-drain": {"POST": A},
    "deployment-cooldown": {"POST": A},
    "deployment-resume": {"POST": A},
    "aliases": {"GET": V},
    "alias": {"PUT": A, "DELETE": A},
    "keys": {"GET": A, "POST": A},
    "key": {"GET": A, "PATCH": A},
    "key-revoke": {"POST": A},
    "teams": {"GET": A, "POST": A},
    "team": {"GET": A, "PATCH": A, "DELETE": A},
    "end-users": {"GET": A, "POST": A},
    "end-user": {"GET": A, "PATCH": A, "DELETE": A},
    "people": {"GET": A, "POST": A},
    "person": {"GET": A, "PATCH": A, "DELETE": A},
    "person-lock": {"POST": A},
    "person-unlock": {"POST": A},
    "person-sign-out": {"POST": A},
    "person-reset-second-factor": {"POST": A},
    "person-password-link": {"POST": A},
    "invitations": {"GET": A, "POST": A},
    "invitation": {"DELETE": A},
    "sign-in-settings": {"GET": A, "PATCH": A},
    "requests": {"GET": V},
    "request": {"GET": V},
    "request-content": {"GET": E},
    "content": {"DELETE": A},
    "request-explain": {"GET": V},
    "explain": {"POST": E},
    "report-overview": {"GET": V},
    "experiments": {"GET": V, "POST": E},
    "experiment": {"GET": V, "DELETE": E},
    "experiment-report": {"GET": V},
    "experiment-start": {"POST": P},
    "experiment-stop": {"POST": P},
    "experiment-decision": {"PUT": P},
    "benchmarks": {"GET": V, "POST": E},
    "benchmark": {"GET": V, "DELETE": E},
    "calibrations": {"GET": V, "POST": E},
    "calibration": {"GET": V, "DELETE": E},
    "calibration-start": {"POST": E},
    "calibration-stop": {"POST": E},
    "calibration-estimate": {"POST": E},
    "calibration-finish": {"POST": E},
    "calibration-answers": {"GET": E, "POST": E},
    "predictors": {"GET": V, "POST": E},
    "predictor-roll-back": {"POST": P},
    "predictor": {"GET": V, "DELETE": P},
    "predictor-promote": {"POST": P},
    "predictor-evaluations": {"POST": E},
    "refit": {"GET": V, "PUT": P, "POST": E},
    "evaluations": {"GET": V},
    "evaluation": {"GET": V},
    "evaluation-draft": {"POST": E},
    "solve-target": {"POST": E},
    "fit-routes": {"POST": E},
    "task-classes": {"GET": V},
    "task-class": {"GET": V, "PUT": E, "DELETE": E},
    "task-heads": {"GET": V, "POST": E},
    "task-head-roll-back": {"POST": P},
    "task-head-off": {"POST": P},
    "task-head-promote": {"POST": P},
    "audit": {"GET": A},
    "audit-check": {"GET": A},
    "jobs": {"GET": V},
    "job": {"GET": V},
    "job-cancel": {"POST": A},
    "job-retry": {"POST": A},
    "system": {"GET": A},
    "sample-data": {"DELETE": A},
    "settings": {"GET": A, "PATCH": A},
    "alert-rules": {"GET": V, "POST": A},
    "alert-rule": {"GET": V, "PATCH": A, "DELETE": A},
    "alert-channels": {"GET": V, "POST": A},
    "alert-channel": {"GET": V, "PATCH": A, "DELETE": A},
    "alert-channel-secret": {"PUT": A},
    "alert-channel-test": {"POST": A},
    "alert-incidents": {"GET": V},
    "alert-incident": {"GET": V},
    "alert-message-retry": {"POST": A},
    "schema": {"GET": OPEN},
    "docs": {"GET": OPEN},
    "nothing": {},
}
ROLES = (NOBODY, CHAT_ONLY, *Role.values)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CASES = [(name, method) for name in MATRIX for method in METHODS if MATRIX[name] and OPEN not in MATRIX[name].values()]
ROUTES = {pattern.name: pattern for pattern in urlpatterns}
SAMPLES = {"slug": "support", "number": "1", "dimension": "code", "name": "help", "username": "grace"}


def path_of(name: str) -> str:
    """The route with something in each place: what is there for policies, nothing for most others."""
    path = str(ROUTES[name].pattern)
    for place, converter in ROUTES[name].pattern.converters.items():
        value = SAMPLES.get(place, "1")
        for kind in ("slug", "int", "path", "str"):
            path = path.replace(f"<{kind}:{place}>", value)
        assert converter is not None
    return path


@pytest.fixture(scope="module")
def callers_of_all(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Caller]]:
    """A workspace and a caller of each kind, made once: each test stands in a transaction inside this one, which takes back what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        a_deployment()
        a_draft(a_policy(slug="support"))
        yield {role: calls_as(role) for role in ROLES}
        transaction.set_rollback(True)


@pytest.fixture
def callers(callers_of_all: dict[str, Caller], db: None) -> dict[str, Caller]:
    return callers_of_all


def test_every_route_is_listed() -> None:
    assert set(MATRIX) == set(ROUTES)


@pytest.mark.parametrize("name", dict(CASES))
@pytest.mark.parametrize("role", ROLES)
def test_a_route_answers_whom_the_matrix_says(callers: dict[str, Caller], name: str, role: str) -> None:
    for method in METHODS:
        with transaction.atomic():
            answer = callers[role](method, path_of(name), {} if method in ("POST", "PUT", "PATCH") else None)
            transaction.set_rollback(True)
        _check(answer, MATRIX[name].get(method), role, f"{role}: {method} {name}")


def _check(answer: Any, least: str | None, role: str, what: str) -> None:
    assert answer.status_code < 500, what
    if least is None:
        assert answer.status_code == 405, what
    elif role == NOBODY:
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="signalbox"'), what
    elif role == CHAT_ONLY or RANK[role] < RANK[least]:
        assert (answer.status_code, error_of(answer)["code"]) == (403, "not_allowed"), what
    else:
        assert answer.status_code in (200, 201, 202, 204, 404, 409, 422), what


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["nothing", "policies/", "policies/a/b/c", "../etc/passwd", "policies/%00", "schema"])
def test_what_is_no_route_is_a_404_in_our_shape(path: str) -> None:
    answer = calls_as("admin")("GET", path)

    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"


@pytest.mark.django_db
def test_a_session_counts_for_nothing_here() -> None:
    from tests.api.callers import Caller, maker

    caller: Any = Caller(None)
    caller._client.force_login(maker(), backend="django.contrib.auth.backends.ModelBackend")

    assert caller("GET", "policies").status_code == 401
    assert caller("POST", "policies", {"slug": "x", "name": "x"}).status_code == 401
