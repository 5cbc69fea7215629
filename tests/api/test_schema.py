import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from routerapp.api.docs import sections
from routerapp.api.urls import urlpatterns
from tests.api.callers import calls_as


@pytest.fixture(scope="module")
def schema() -> Any:
    GENERATOR_STATS.reset()
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_schema_is_made_without_a_warning(schema: Any, capsys: pytest.CaptureFixture[str]) -> None:
    validate_schema(schema)

    assert not GENERATOR_STATS
    assert not capsys.readouterr().err


def test_every_method_of_every_route_is_described(schema: Any) -> None:
    described = {(path, method.upper()) for path, item in schema["paths"].items() for method in item}
    routes = set()
    for pattern in urlpatterns:
        view = getattr(pattern.callback, "cls", None)
        path = "/api/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        routes |= {(path, method) for method in getattr(view, "actions", {})}

    assert described == routes


def test_every_operation_has_a_sentence_a_tag_and_our_error(schema: Any) -> None:
    operations = [operation for item in schema["paths"].values() for operation in item.values()]

    assert all(one["summary"] and one["tags"] for one in operations)
    assert all(
        one["responses"]["403"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
        for one in operations
    )
    assert len({one["operationId"] for one in operations}) == len(operations)


def test_no_schema_holds_what_must_not_go_out(schema: Any) -> None:
    words = str(schema["components"]["schemas"])

    assert not any(word in words for word in ("ciphertext", "key_hash", "'user_hash'", "is_superuser"))


@pytest.mark.django_db
def test_the_schema_is_served_as_json_to_everyone() -> None:
    answer = Client().get("/api/schema/")

    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Signalbox management API"
    assert b"/api/policies/{slug}/roll-back" in answer.content


@pytest.mark.django_db
def test_the_page_names_every_operation_and_needs_no_script() -> None:
    answer = Client().get("/api/docs/")
    page = answer.content.decode()

    assert answer.status_code == 200
    for section in sections():
        for operation in section.operations:
            assert f'id="{operation.id}"' in page
            assert operation.summary
    assert "Content-Security-Policy" in answer.headers
    assert not re.search(r"<style|style=|<script(?![^>]*\bsrc=)|\son\w+=", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "'unsafe-inline'" not in str(settings.CONTENT_SECURITY_POLICY)


@pytest.mark.django_db
def test_answers_have_exactly_the_fields_the_schema_promises(schema: Any) -> None:
    from routerapp.models import EndUserAllowance
    from tests.factories import a_deployment, a_draft, a_policy, a_request, a_team

    a_deployment(slug="here")
    a_draft(a_policy(slug="support"))
    a_request()
    a_team()
    EndUserAllowance.objects.create(user_hash="*")
    call = calls_as("admin")
    shapes = schema["components"]["schemas"]
    pairs = {
        "policies": "Policy",
        "policies/support/versions": "VersionHead",
        "policies/support/drafts": "Draft",
        "providers": "Provider",
        "deployments": "Deployment",
        "models": "LanguageModel",
        "keys": "KeyAnswer",
        "teams": "TeamAnswer",
        "end-users": "EndUserAnswer",
        "people": "Person",
        "requests": "RequestRow",
    }

    for path, shape in pairs.items():
        assert set(call("GET", path).json()["data"][0]) == set(shapes[shape]["properties"]), path
