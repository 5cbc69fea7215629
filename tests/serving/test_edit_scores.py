import pytest

from routerapp.models import AuditEvent, CapabilityScore, Dimension
from routerapp.serving import edit_scores
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.store.config_document import build_config_document
from tests.factories import a_language_model, a_user
from tests.serving.actors import EDITOR, VIEWER

pytestmark = pytest.mark.django_db


def test_a_score_is_set_changed_and_taken_back() -> None:
    editor = a_user(role="editor", username="editor")
    model = a_language_model(scores={"code": 0.5})
    edit_scores.set_score(model.slug, "code", 0.8, low=0.7, high=0.9, note="own test", by=EDITOR)

    score = CapabilityScore.objects.get()
    assert (score.value, score.low, score.high, score.updated_by) == (0.8, 0.7, 0.9, editor)
    assert AuditEvent.objects.get().before["value"] == 0.5
    assert build_config_document()["models"][model.slug]["scores"] == {"code": 0.8}
    edit_scores.remove_score(model.slug, "code", by=EDITOR)
    assert build_config_document()["models"][model.slug]["scores"] == {}


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (1.1, None, None),
        (-0.1, None, None),
        (float("nan"), None, None),
        (0.5, 0.4, None),
        (0.5, 0.6, 0.7),
        (0.5, 0.4, 0.45),
    ],
)
def test_a_score_that_cannot_be_is_refused(value: float, low: float | None, high: float | None) -> None:
    model = a_language_model(scores={"code": 0.5})

    with pytest.raises(Invalid):
        edit_scores.set_score(model.slug, "code", value, low=low, high=high, by=EDITOR)
    assert CapabilityScore.objects.get().value == 0.5


def test_a_score_needs_model_and_dimension() -> None:
    with pytest.raises(Missing):
        edit_scores.set_score("gone", "code", 0.5, by=EDITOR)
    with pytest.raises(Missing):
        edit_scores.set_score(a_language_model().slug, "gone", 0.5, by=EDITOR)


def test_people_add_dimensions_of_their_own() -> None:
    edit_scores.add_dimension("speed-of-thought", "Speed of thought", by=EDITOR)
    edit_scores.edit_dimension("speed-of-thought", name="Quick wits", position=3, by=EDITOR)

    assert Dimension.objects.values_list("name", "position").get() == ("Quick wits", 3)


def test_viewers_look_only() -> None:
    with pytest.raises(NotAllowed):
        edit_scores.add_dimension("x", "X", by=VIEWER)
    with pytest.raises(NotAllowed):
        edit_scores.set_score("x", "y", 0.5, by=VIEWER)
