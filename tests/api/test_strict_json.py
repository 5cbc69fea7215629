import json
import time
from typing import Any

import pytest

from routerapp.models import Policy
from tests.api.callers import calls_as, codes_of, error_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"slug": "a", "slug": "b", "name": "x"}',
        b'{"slug": "a", "name": "x", "document": {"n": NaN}}',
        b'{"slug": "a", "name": "x", "document": {"n": Infinity}}',
        b'{"slug": "a", "name": "x", "document": {"n": 1e999}}',
        b'{"slug": "a", "name": "x", "document": {"n": 99999999999999999999}}',
        b'{"slug": "a", "name": "nul \\u0000"}',
        b'{"slug": "a", "name": "half \\ud800"}',
        b'{"slug": "a", "name": "x", "document": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b"[" * 200_000,
        b"1" * 5_000,
    ],
)
def test_json_that_could_mean_two_things_or_none_is_refused(body: bytes) -> None:
    started = time.process_time()
    answer = calls_as("admin")("POST", "policies", body)

    assert answer.status_code in (400, 422)
    assert time.process_time() - started < 1
    error_of(answer)
    assert not Policy.objects.exists()


@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_a_body_is_an_object(body: Any) -> None:
    assert calls_as("admin")("POST", "policies", json.dumps(body).encode()).status_code == 422


def test_a_body_over_one_megabyte_is_refused() -> None:
    answer = calls_as("admin")("POST", "policies", {"slug": "a", "name": "x" * 1_000_000})

    assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_only_json_is_read(kind: str) -> None:
    answer = calls_as("admin")("POST", "policies", b"slug=a&name=b", content_type=kind)

    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")


def test_unknown_fields_are_named_and_refused() -> None:
    answer = calls_as("admin")("POST", "policies", {"slug": "a", "name": "b", "is_default": True, "x": 1})

    assert answer.status_code == 422
    assert codes_of(answer) == {"is_default": "unknown_field", "x": "unknown_field"}


def test_unknown_and_senseless_query_parameters_are_refused() -> None:
    call = calls_as("admin")

    assert codes_of(call("GET", "requests?modle=x")) == {"modle": "unknown_field"}
    assert set(codes_of(call("GET", "requests?limit=0&status=fine&sort=worst&from_ms=x"))) == {
        "limit",
        "status[0]",
        "sort",
        "from_ms",
    }


@pytest.mark.parametrize("value", ["'", '"', "%00", "%ff", "%27%20OR%201=1--", "%25" * 200, "x" * 7_000, "🦆"])
@pytest.mark.parametrize(
    "place",
    ["requests?policy=", "requests?cursor=", "requests?id=", "requests?model=", "audit?actor=", "aliases/", "people/"],
)
def test_hostile_text_is_data_or_a_refusal(place: str, value: str) -> None:
    method = "DELETE" if place.endswith("/") else "GET"

    assert calls_as("admin")(method, place + value).status_code in (200, 404, 422)
