"""The package's prices are matched by vendor and exact name; everything else is listed as unmatched, with the reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routerapp.store.package_prices import Comparison, compare_prices, compare_with, find_match
from tests.factories import a_deployment, a_language_model, a_provider

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OPENAI = "https://api.openai.com/v1"


def compared(slug: str) -> Comparison:
    return next(one for one in compare_prices(NOW) if one.deployment == slug)


def at_openai(name: str, **more: object) -> str:
    provider = a_provider(kind="openai", base_url=OPENAI)
    return str(a_deployment(provider=provider, upstream_model=name, **more).slug)


def test_an_exact_name_at_a_known_vendor_is_matched_and_shown() -> None:
    found = compared(at_openai("gpt-4o", price=None))

    assert (found.state, found.match and found.match.name) == ("new", "openai/gpt-4o")
    assert found.listed is not None
    assert found.listed.input_nusd_per_mtok == 2_500_000_000


def test_a_price_that_is_the_same_says_so_and_another_differs() -> None:
    listed = {"input_nusd_per_mtok": 2_500_000_000, "output_nusd_per_mtok": 10_000_000_000}
    same = at_openai("gpt-4o", price=listed | {"cached_input_nusd_per_mtok": 1_250_000_000})
    differs = at_openai("gpt-4o")

    assert (compared(same).state, compared(differs).state) == ("same", "differs")
    assert compared(differs).by_hand


@pytest.mark.parametrize("name", ["gpt-4o-our-finetune", "gpt-4", "GPT-4O ", "gpt-4o/x"])
def test_a_name_that_only_begins_like_one_is_never_taken_for_it(name: str) -> None:
    found = compared(at_openai(name))

    assert found.match is None or found.match.model == name


def test_an_unknown_vendor_is_unmatched_even_for_a_known_name() -> None:
    provider = a_provider(kind="openai", base_url="https://llm.corp.example/v1")
    slug = a_deployment(provider=provider, upstream_model="gpt-4o").slug

    assert (compared(slug).state, compared(slug).reason) == (
        "unmatched",
        "Its provider is no vendor the package knows.",
    )


def test_the_preset_names_the_vendor_where_the_address_does_not() -> None:
    provider = a_provider(kind="openai", base_url="https://proxy.corp.example/v1", preset="groq")
    slug = a_deployment(provider=provider, upstream_model="llama-3.3-70b-versatile").slug

    assert compared(slug).match is not None


def test_a_simulated_deployment_stands_for_its_models_vendor() -> None:
    slug = a_deployment(language_model=a_language_model(vendor="openai"), upstream_model="gpt-4o").slug

    assert compared(slug).match is not None


def test_somebody_may_name_the_model_exactly() -> None:
    slug = at_openai("corp-alias")

    assert compare_with(slug, "openai/gpt-4o", NOW).match == find_match("openai", "gpt-4o")
    for wrong in ("openai/gpt-4o-nope", "gpt-4o", "", "nobody/gpt-4o", "x" * 10_000):
        with pytest.raises(LookupError):
            compare_with(slug, wrong, NOW)
