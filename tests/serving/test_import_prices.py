"""What was chosen becomes a price from now on, marked with where it is from; nothing is half done."""

from __future__ import annotations

import pytest
from django.utils import timezone

from routerapp.models import AuditEvent, ConfigRevision, Deployment, Job, LanguageModel, Price
from routerapp.serving.add_deployments import Wanted, add_deployments, offer_deployments, slug_of
from routerapp.serving.import_prices import import_prices
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from routerapp.serving.reprice_history import apply_repricing, preview_repricing
from routerapp.serving.run_job import run_job
from routerapp.store.prices import refresh_prices
from tests.factories import a_deployment, a_language_model, a_price, a_provider
from tests.serving.actors import ADMIN, PUBLISHER
from tests.store.test_repricing import AT_MS, check_sums, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def openai() -> str:
    return str(a_provider(slug="acme", kind="openai", base_url="https://api.openai.com/v1").slug)


@pytest.fixture
def gpt(openai: str) -> Deployment:
    from routerapp.models import Provider

    provider = Provider.objects.get(slug=openai)
    return a_deployment(slug="gpt", provider=provider, upstream_model="gpt-4o", price=None)


def test_an_import_is_one_revision_and_says_where_the_price_is_from(gpt: Deployment) -> None:
    before = ConfigRevision.objects.count()
    import_prices({"gpt": ""}, by=ADMIN)

    price = gpt.prices.get()
    assert (price.input_nusd_per_mtok, price.source.split()[0]) == (2_500_000_000, "genai-prices")
    assert price.source.endswith(" openai/gpt-4o")
    assert ConfigRevision.objects.count() == before + 1
    assert AuditEvent.objects.filter(action="import_price", subject="deployment:gpt", actor="admin").exists()
    assert import_prices({"gpt": ""}, by=ADMIN) == ()


def test_one_that_cannot_be_priced_stops_them_all(gpt: Deployment) -> None:
    a_deployment(slug="odd", price=None)
    with pytest.raises(Invalid) as refused:
        import_prices({"gpt": "", "odd": "", "none": ""}, by=ADMIN)

    assert [problem.path for problem in refused.value.problems] == ["deployments.odd", "deployments.none"]
    assert not Price.objects.exists()


def test_an_imported_price_is_refreshed_with_the_model_it_was_matched_with(gpt: Deployment) -> None:
    Deployment.objects.filter(slug="gpt").update(upstream_model="our-own-name")
    price = a_price(gpt, source="genai-prices 0.0.1 openai/gpt-4o")
    (change,) = refresh_prices(timezone.now())

    assert change.after.input_nusd_per_mtok == 2_500_000_000
    assert gpt.prices.exclude(pk=price.pk).get().source.endswith(" openai/gpt-4o")


def test_only_an_admin_imports(gpt: Deployment) -> None:
    with pytest.raises(NotAllowed):
        import_prices({"gpt": ""}, by=PUBLISHER)


def test_models_become_deployments_with_prices_where_the_name_is_exact(openai: str) -> None:
    a_language_model(slug="llama")
    offers = offer_deployments(openai, ["gpt-4o", "llama", "Odd/Model v1"])
    assert [(offer.language_model, offer.context_window is not None) for offer in offers] == [
        ("", True),
        ("llama", False),
        ("", False),
    ]
    wanted = [Wanted("gpt-4o", "", 128_000), Wanted("llama", "llama"), Wanted("Odd/Model v1", "", 8_000)]
    added = add_deployments(openai, wanted, by=ADMIN)

    assert [row.slug for row in added] == ["acme-gpt-4o", "acme-llama", "acme-odd-model-v1"]
    assert LanguageModel.objects.get(slug="odd-model-v1").context_window == 8_000
    assert [row.prices.count() for row in added] == [1, 0, 0]


def test_a_context_window_is_asked_for_never_guessed_and_nothing_is_left_half_done(openai: str) -> None:
    with pytest.raises(Invalid) as refused:
        add_deployments(openai, [Wanted("gpt-4o", "", 128_000), Wanted("odd")], by=ADMIN)

    assert [problem.path for problem in refused.value.problems] == ["models.1.context_window"]
    assert not Deployment.objects.exists()
    assert not LanguageModel.objects.exists()


def test_a_taken_slug_gets_a_number(openai: str) -> None:
    a_language_model(slug="gpt-4o", archived_at=timezone.now())
    add_deployments(openai, [Wanted("gpt-4o", "", 1_000), Wanted("GPT-4o", "", 1_000)], by=ADMIN)

    assert set(LanguageModel.objects.values_list("slug", flat=True)) == {"gpt-4o", "gpt-4o-2", "gpt-4o-3"}
    assert slug_of("%%%") == "model"


def _run(job: Job) -> Job:
    run_job(job.pk)
    job.refresh_from_db()
    return job


def test_history_is_repriced_after_its_difference_was_seen(gpt: Deployment) -> None:
    record(1, [None])
    a_price(gpt)
    preview = _run(preview_repricing("gpt", AT_MS - 1000, AT_MS + 10**7, by=ADMIN))
    assert (preview.state, preview.result["unpriced_before"], preview.result["unpriced_after"]) == ("done", 1, 0)
    applied = _run(apply_repricing(preview.pk, by=ADMIN))

    assert (applied.state, applied.result["changed_attempts"]) == ("done", 1)
    assert applied.result["new_usd"] == preview.result["new_usd"]
    actions = list(AuditEvent.objects.order_by("id").values_list("action", "actor"))
    assert actions == [("reprice_history", "admin"), ("history_repriced", "admin")]
    check_sums()


def test_prices_that_changed_since_the_difference_was_seen_are_refused(gpt: Deployment) -> None:
    record(1, [None])
    preview = _run(preview_repricing("gpt", AT_MS - 1000, AT_MS + 10**7, by=ADMIN))
    a_price(gpt)

    with pytest.raises(Invalid, match="changed since"):
        apply_repricing(preview.pk, by=ADMIN)


def test_a_preview_that_is_not_done_cannot_be_applied(gpt: Deployment) -> None:
    preview = preview_repricing("gpt", AT_MS - 1000, AT_MS + 10**7, by=ADMIN)
    with pytest.raises(Invalid):
        apply_repricing(preview.pk, by=ADMIN)


@pytest.mark.parametrize(("start", "end"), [(5, 5), (9, 3), (-1, 4), (0, 10**15)])
def test_a_range_has_bounds(gpt: Deployment, start: int, end: int) -> None:
    with pytest.raises(Invalid):
        preview_repricing("gpt", start, end, by=ADMIN)


def test_only_an_admin_reprices(gpt: Deployment) -> None:
    with pytest.raises(NotAllowed):
        preview_repricing("gpt", 1, 2, by=PUBLISHER)
    with pytest.raises(NotAllowed):
        apply_repricing(1, by=PUBLISHER)
