from datetime import UTC, datetime, timedelta

import pytest

from routerapp.models import ConfigRevision, Price
from routerapp.store.prices import SOURCE, find_price, refresh_prices
from tests.factories import LONG_AGO, a_deployment, a_language_model

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_rates_are_exact_integers():
    price = find_price("openai", "gpt-4o", NOW)

    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (2_500_000_000, 10_000_000_000)
    assert price.cached_input_nusd_per_mtok == 1_250_000_000
    assert (price.source, price.valid_from_ms) == (SOURCE, 1_780_272_000_000)


@pytest.mark.parametrize(
    ("vendor", "model"), [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("mistral", "mistral-large-latest")]
)
def test_integers_agree_with_the_package_to_the_nanodollar(vendor, model):
    from genai_prices import Usage, calc_price

    price = find_price(vendor, model, NOW)
    theirs = calc_price(
        Usage(input_tokens=1000, output_tokens=2000), model, provider_id=vendor, genai_request_timestamp=NOW
    )
    ours = (1000 * price.input_nusd_per_mtok + 2000 * price.output_nusd_per_mtok) // 1_000_000

    assert ours == int(theirs.total_price * 10**9)


def test_what_is_written_to_a_prompt_cache_has_its_rate():
    price = find_price("anthropic", "claude-sonnet-4-5", NOW)

    assert price.cache_write_nusd_per_mtok == price.input_nusd_per_mtok * 5 // 4


def test_embeddings_are_sold_by_input_only_and_a_chat_model_never():
    price = find_price("openai", "text-embedding-3-small", NOW, modality="embeddings")

    assert (price.input_nusd_per_mtok, price.output_nusd_per_mtok) == (20_000_000, 0)
    assert find_price("openai", "text-embedding-3-small", NOW) is None


def test_the_address_decides_before_the_vendor():
    assert find_price("nobody", "gpt-4o", NOW, base_url="https://api.openai.com/v1") == find_price(
        "openai", "gpt-4o", NOW
    )


@pytest.mark.parametrize(("vendor", "model"), [("openai", "no-such-model"), ("nobody", "gpt-4o"), ("", "gpt-4o")])
def test_what_the_package_does_not_know_has_no_price(vendor, model):
    assert find_price(vendor, model, NOW) is None


@pytest.fixture
def gpt():
    return a_language_model(vendor="openai")


@pytest.mark.django_db
def test_a_changed_list_price_becomes_a_new_dated_row(gpt):
    stale = a_deployment(language_model=gpt, upstream_model="gpt-4o", price={"source": SOURCE})
    (change,) = refresh_prices(NOW)

    assert change.deployment == stale.slug
    newest = stale.prices.latest("valid_from")
    assert (newest.input_nusd_per_mtok, newest.valid_from, newest.source) == (2_500_000_000, NOW, SOURCE)
    assert stale.prices.count() == 2
    assert ConfigRevision.objects.get().reason.startswith("price refresh")
    assert refresh_prices(NOW + timedelta(days=1)) == ()


@pytest.mark.django_db
def test_a_price_entered_by_hand_is_never_replaced(gpt):
    by_hand = a_deployment(language_model=gpt, upstream_model="gpt-4o", price={"source": SOURCE})
    Price.objects.create(
        deployment=by_hand,
        input_nusd_per_mtok=1,
        output_nusd_per_mtok=1,
        valid_from=LONG_AGO + timedelta(days=1),
        source="manual",
    )
    a_deployment(language_model=gpt, upstream_model="gpt-4o")
    a_deployment(language_model=gpt, upstream_model="gpt-4o", price=None)

    assert refresh_prices(NOW) == ()
    assert not ConfigRevision.objects.exists()
