"""The scheduled refit: off unless somebody says so, once a week, only with enough new, and promoted by itself only past both halves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from routerapp.models import AlertIncident, AuditEvent, Job, JobState, PredictorState, PredictorVersion
from routerapp.serving.alerts.evaluate import evaluate
from routerapp.serving.alerts.words import incident_words
from routerapp.serving.benchmarks import NewBenchmark, import_benchmark
from routerapp.serving.learning_jobs import TRAIN
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.predictors import promote_predictor, retire_predictor
from routerapp.serving.refit import recipe_of, run_refit, settle_refit
from routerapp.serving.refit_schedule import REFIT, WEEK, ask_for_refit, read_refit, set_refit_schedule
from routerapp.serving.refusals import Invalid
from routerapp.serving.run_job import run_job
from routerapp.store import jobs
from tests.learned_documents import a_card, a_gate
from tests.learned_rows import a_benchmark, a_predictor
from tests.serving.actors import EDITOR, PUBLISHER
from tests.serving.alerts.alerting import a_rule
from tests.serving.test_train_predictor import a_file, benchmark, trained  # noqa: F401

pytestmark = pytest.mark.django_db


def run(now: datetime | None = None, **arguments: Any) -> str:
    return run_refit(Job.objects.create(kind=REFIT, arguments=arguments), now or timezone.now())


def a_champion(**card: Any) -> PredictorVersion:
    """Trained on `sums`, in force."""
    a_benchmark(slug="sums", model_names=["sums", "other"], content=b"x")
    return a_predictor(card=a_card(**card), state=PredictorState.LIVE, promoted_at=timezone.now())


def test_it_is_off_until_a_publisher_says_weekly_and_audited() -> None:
    assert run() == "The scheduled refit is switched off."
    assert read_refit(timezone.now()).next_at is None
    with pytest.raises(NotAllowed, match="publisher"):
        set_refit_schedule("weekly", False, by=EDITOR)
    with pytest.raises(Invalid, match="One of: off, weekly"):
        set_refit_schedule("daily", False, by=PUBLISHER)
    set_refit_schedule("weekly", True, by=PUBLISHER)

    assert read_refit(timezone.now()).next_at is not None
    event = AuditEvent.objects.get(action="schedule_refit")
    assert (event.before, event.after) == (
        {"every": "off", "promotes": False},
        {"every": "weekly", "promotes": True},
    )


def test_without_enough_new_nothing_is_trained_and_the_next_look_is_in_a_week() -> None:
    set_refit_schedule("weekly", False, by=PUBLISHER)
    now = timezone.now()
    assert run(now) == "No predictor is in force: there is nothing to refit."
    a_champion()
    assert run(now + timedelta(days=1)).startswith("The next one is due on")
    words = run(now + WEEK)

    assert words == "0 graded prompts are new since ours@1; 100 are needed."
    state = read_refit(now + WEEK)
    assert state.last is not None and (state.last.outcome, state.last.words) == ("too_little_new", words)
    assert state.next_at == now + 2 * WEEK
    assert not Job.objects.filter(kind=TRAIN).exists()


def test_the_recipe_is_the_champions_with_what_came_since_of_its_models() -> None:
    live = a_champion()
    a_benchmark(slug="own", model_names=["big", "small"], prompts=300, content=b"x")
    a_benchmark(slug="elsewhere", model_names=["big", "nobody"], prompts=900, content=b"x")
    recipe = recipe_of(live)

    assert (recipe.benchmarks, recipe.new, recipe.new_prompts) == (("sums", "own"), ("own",), 300)
    assert recipe.models == {"sums": "big", "other": "small", "big": "big", "small": "small"}
    assert run(is_asked=True).startswith("Training ours on 300 new graded prompts of own")
    job = Job.objects.get(kind=TRAIN)
    assert (job.arguments["benchmarks"], job.arguments["is_refit"], job.arguments["by"]) == (
        ["sums", "own"],
        True,
        "scheduler",
    )
    jobs.finish(jobs.claim(job.pk), JobState.FAILED, "ValueError: too few")  # type: ignore[arg-type]
    last = read_refit(timezone.now()).last
    assert last is not None and (last.outcome, last.words) == ("failed", "The training failed: ValueError: too few")


def test_one_whose_benchmarks_are_gone_cannot_be_refitted() -> None:
    a_predictor(state=PredictorState.LIVE, promoted_at=timezone.now())

    assert "is here any more" in run(is_asked=True)


@pytest.mark.parametrize(
    ("promotes", "is_better", "is_decided", "outcome"),
    [
        (True, True, True, "promoted"),
        (True, True, False, "waits"),
        (True, False, True, "waits"),
        (False, True, True, "waits"),
    ],
)
def test_it_is_put_in_force_by_itself_only_where_the_schedule_and_both_halves_say_so(
    promotes: bool, is_better: bool, is_decided: bool, outcome: str
) -> None:
    set_refit_schedule("weekly", promotes, by=PUBLISHER)
    live = a_champion()
    row = a_predictor(card=a_card(gate=a_gate(live.sha256, is_better=is_better, is_decided=is_decided, name="ours@1")))
    settle_refit(Job.objects.create(kind=TRAIN), {"predictor": "ours@2", "report": 1}, timezone.now())

    last = read_refit(timezone.now()).last
    assert last is not None and (last.outcome, last.predictor) == (outcome, "ours@2")
    row.refresh_from_db()
    assert (row.state == PredictorState.LIVE) == (outcome == "promoted")
    if outcome == "promoted":
        event = AuditEvent.objects.get(action="promote_predictor")
        assert (event.actor, event.reason) == ("scheduler", "Scheduled refit: both halves of the gate said better.")


def test_a_challenger_that_waits_is_told_until_somebody_decides() -> None:
    a_rule("challenger", threshold=1, window_minutes=5)
    live = a_champion()
    a_predictor(card=a_card(gate=a_gate(live.sha256, is_better=False, name="ours@1")))
    now = timezone.now()
    settle_refit(Job.objects.create(kind=TRAIN), {"predictor": "ours@2", "report": 1}, now)
    evaluate(now)
    incident = AlertIncident.objects.get()

    assert incident.subject == "predictor:ours@2"
    assert incident_words(incident) == (
        "ours@2 was refitted and waits for a decision. Beside ours@1 the gate says: it is not better with confidence."
    )
    retire_predictor("ours", 2, by=PUBLISHER)
    evaluate(now + timedelta(minutes=1))
    evaluate(now + timedelta(minutes=7))
    incident.refresh_from_db()
    assert incident.closed_at is not None


def test_from_a_new_benchmark_to_a_challenger_for_real(benchmark: str) -> None:  # noqa: F811
    trained(benchmark)
    promote_predictor("ours", 1, by=PUBLISHER)
    _, job = import_benchmark(NewBenchmark("more", "More", "more.csv", [_our_names(a_file(300))]), by=EDITOR)
    run_job(job.pk)
    run_job(ask_for_refit(by=EDITOR).pk)
    run_job(Job.objects.filter(kind=TRAIN).latest("pk").pk)

    last = read_refit(timezone.now()).last
    assert last is not None and (last.outcome, last.predictor) == ("waits", "ours@2"), last
    card = PredictorVersion.objects.get(version=2).card
    assert [one["slug"] for one in card["benchmarks"]] == ["kinds", "more"]
    assert card["pool"] == ["big", "small", "tiny"]
    assert card["gate"]["name"] == "ours@1"


def _our_names(file: bytes) -> bytes:
    """A calibration knows our slugs, and has asked other prompts."""
    text = file.decode()
    for theirs, ours in (("Big", "big"), ("Small", "small"), ("Tiny", "tiny")):
        text = text.replace(f",{theirs},", f",{ours},")
    return text.replace("solve", "please solve").replace("write", "please write").encode()
