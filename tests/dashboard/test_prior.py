"""Starting without a graded prompt: tiers are offered by price, and what is made of them is a predictor like any other."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from routerapp.learning import artefact
from routerapp.learning.reading import read_prompt
from routerapp.models import AuditEvent, PredictorState, PredictorVersion
from routerapp.store.artefacts import cached_artefact
from tests.factories import a_deployment, a_language_model

pytestmark = pytest.mark.django_db


def url(name: str, *rest: Any) -> str:
    return reverse(f"dashboard:{name}", args=rest)


@pytest.fixture
def catalogue() -> None:
    for slug, output in (("small", 1), ("middling", 5), ("large", 9)):
        model = a_language_model(slug=slug)
        a_deployment(slug=f"{slug}-1", language_model=model, price={"output_nusd_per_mtok": output * 10**9})


def test_tiers_are_offered_by_price(signed_in, catalogue: None) -> None:
    page = signed_in("editor").get(url("predictor-prior")).text

    for slug, tier in (("small", "weak"), ("middling", "middle"), ("large", "strong")):
        select = page[page.index(f'name="tier-{slug}"') :].split("</select>")[0]
        assert f'<option value="{tier}" selected>' in select, slug


def test_what_is_made_is_a_candidate_that_foresees_for_these_models(signed_in, catalogue: None, tmp_path) -> None:
    editor = signed_in("editor")
    given = {"tier-small": "weak", "tier-large": "strong", "tier-middling": ""}

    answer = editor.post(url("predictor-prior"), given)

    row = PredictorVersion.objects.get()
    assert answer["Location"] == url("predictor-detail", "prior", 1)
    assert (row.state, row.card["tiers"]) == (PredictorState.CANDIDATE, {"large": "strong", "small": "weak"})
    assert AuditEvent.objects.filter(action="predictor_from_prior").exists()
    (tmp_path / "p").write_bytes(bytes(row.artefact))
    said = artefact.load(tmp_path / "p", row.sha256).predict(read_prompt("What is the integral of x squared?"))
    assert set(said.models) == {"large", "small"}
    page = editor.get(answer["Location"]).text
    assert "Nothing of it was measured" in page and "27,232" in page
    assert editor.get(url("evaluation")).status_code == 200
    editor.post(url("predictor-prior"), given)
    assert PredictorVersion.objects.count() == 1


def test_promoted_it_is_what_gateways_load(signed_in, catalogue: None, tmp_path) -> None:
    signed_in("editor").post(url("predictor-prior"), {"tier-small": "weak", "tier-large": "strong"})
    row = PredictorVersion.objects.get()

    answer = signed_in("publisher").post(url("predictor-promote", "prior", 1), {"reason": ""})

    assert answer.status_code == 302
    assert cached_artefact(row.sha256, tmp_path).read_bytes() == bytes(row.artefact)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tier-small": "weak"}, "2 to 60 models"),
        ({"tier-small": "weak", "tier-large": "weak"}, "one tier"),
        ({"tier-small": "weak", "tier-large": "huge"}, "no tier"),
        ({"tier-small": "weak", "tier-nobody": "strong"}, "no language model"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    signed_in, catalogue: None, given: dict[str, str], words: str
) -> None:
    answer = signed_in("editor").post(url("predictor-prior"), given)

    assert answer.status_code == 422
    assert words in answer.text
    assert not PredictorVersion.objects.exists()
