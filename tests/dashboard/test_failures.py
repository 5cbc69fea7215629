"""What people see when something of ours breaks, or the database does not answer."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError

from dashboard.views import overview

AWAY = [OperationalError("database is locked"), DatabaseError("database disk image is malformed")]
FAULTS = [IntegrityError("UNIQUE constraint failed: secret"), KeyError("secret")]


@pytest.fixture
def client_of_viewer(viewer):
    viewer.raise_request_exception = False
    return viewer


def broken(problem):
    def view(*args, **kwargs):
        raise problem

    return view


@pytest.mark.parametrize("problem", AWAY, ids=str)
def test_a_page_says_that_the_database_is_busy(client_of_viewer, monkeypatch, problem):
    monkeypatch.setattr(overview, "render_page", broken(problem))

    response = client_of_viewer.get("/")

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert "does not answer" in response.content.decode()
    assert "Content-Security-Policy" in response


@pytest.mark.parametrize("problem", FAULTS, ids=str)
def test_a_page_says_that_it_broke_and_nothing_more(client_of_viewer, monkeypatch, problem):
    monkeypatch.setattr(overview, "render_page", broken(problem))

    response = client_of_viewer.get("/")

    assert response.status_code == 500
    assert "secret" not in response.content.decode()


def test_a_page_whose_session_cannot_be_read_is_503_too(client_of_viewer, monkeypatch):
    from django.contrib.sessions.backends.db import SessionStore

    monkeypatch.setattr(SessionStore, "load", broken(AWAY[0]))

    assert client_of_viewer.get("/").status_code == 503


def test_the_api_answers_in_its_own_shape_when_it_breaks_before_a_view(client_of_viewer, monkeypatch):
    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", broken(AWAY[0]))

    response = client_of_viewer.get("/api/policies")

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "database_unavailable"
