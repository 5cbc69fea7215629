import pytest
from django.utils import timezone

from routerapp.models import EvidenceRevision, InstallationState
from routerapp.store.config_document import unix_ms
from routerapp.store.evidence import FEWEST_SAMPLES, refresh_evidence
from routerapp.store.revisions import load_evidence
from tests.factories import a_request

pytestmark = pytest.mark.django_db


def many(n=FEWEST_SAMPLES, **overrides):
    return [a_request(**overrides) for _ in range(n)]


def test_learns_the_correction_and_the_length_of_answers_per_model_and_task():
    many(prompt_tokens_estimate=100, input_tokens=125, output_tokens=300, features={"task": "code"})
    many(prompt_tokens_estimate=100, input_tokens=125, output_tokens=100, features={"task": "chat"})
    evidence = load_evidence(refresh_evidence())

    assert evidence.token_correction == {"small": 1.25}
    assert evidence.expected_output_tokens == {
        "small|code": 300,
        "small|chat": 100,
        "small|*": 200,
        "*|*": 200,
    }


@pytest.mark.parametrize(
    "overrides",
    [{"status": "timeout"}, {"is_usage_estimated": True}, {"origin": "playground"}, {"language_model": ""}],
)
def test_failed_estimated_and_playground_requests_teach_nothing(overrides):
    many(**overrides)
    sha = refresh_evidence()

    assert sha is None or load_evidence(sha).expected_output_tokens == {}


def test_too_few_samples_give_no_number():
    many(FEWEST_SAMPLES - 1)

    assert load_evidence(refresh_evidence()).token_correction == {}


def test_absurd_usage_is_bounded():
    many(prompt_tokens_estimate=1, input_tokens=2_000_000)

    assert load_evidence(refresh_evidence()).token_correction == {"small": 4.0}


def test_nothing_new_makes_no_revision_and_no_wake_up():
    many()
    first = refresh_evidence()
    EvidenceRevision.objects.update(created_at=timezone.now())
    serial = InstallationState.objects.get().serial
    many(1, output_tokens=201, at_ms=unix_ms(timezone.now()) + 1000)

    assert refresh_evidence() is None
    assert InstallationState.objects.get().serial == serial
    many(10, output_tokens=900, at_ms=unix_ms(timezone.now()) + 2000)
    assert refresh_evidence() not in (None, first)


def test_an_empty_installation_learns_nothing():
    assert refresh_evidence() is None
