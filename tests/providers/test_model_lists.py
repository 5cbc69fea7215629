"""How each kind of upstream is asked for its models."""

import httpx
import pytest

from routerapp.providers.health import check_models
from routerapp.providers.model_lists import models_question


@pytest.mark.parametrize(
    ("kind", "base", "options", "url", "header"),
    [
        ("openai", "https://a.example/v1/", {}, "https://a.example/v1/models", ("authorization", "Bearer key")),
        ("azure", "https://a.example", {}, "https://a.example/openai/v1/models", ("api-key", "key")),
        (
            "azure",
            "https://a.example/openai/v1",
            {"api_version": "2024-10-21"},
            "https://a.example/openai/models?api-version=2024-10-21",
            ("api-key", "key"),
        ),
        ("gemini", "https://a.example/v1beta", {}, "https://a.example/v1beta/models", ("x-goog-api-key", "key")),
        ("anthropic", "https://a.example", {}, "https://a.example/v1/models", ("x-api-key", "key")),
        ("anthropic", "https://a.example/v1", {}, "https://a.example/v1/models", ("x-api-key", "key")),
    ],
)
def test_each_kind_has_its_address_and_its_header(
    kind: str, base: str, options: dict[str, str], url: str, header: tuple[str, str]
) -> None:
    address, headers = models_question(kind, base, "key", options)

    assert address == url
    assert header in headers
    assert "key" not in address
    assert header[0] not in dict(models_question(kind, base, None, options)[1])


@pytest.mark.parametrize(
    ("status", "error_class"),
    [(200, ""), (404, ""), (401, "credential_rejected"), (429, "rate_limited"), (302, "bad_answer")],
)
def test_the_answer_is_judged_by_its_status(status: int, error_class: str) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status)))

    health = check_models(client, models_question("gemini", "https://a.example/v1beta", "key", {}))

    assert health.error_class == error_class
