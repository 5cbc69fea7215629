"""Traffic that changes and a model that gets worse open an alert, once, which closes when nothing is found any more."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from routerapp.engine.types import Features, Inputs, ModelPrediction, Predictions, RequestFacts
from routerapp.models import (
    AlertIncident,
    AlertMessage,
    AttemptRollup,
    DecisionInputs,
    Feedback,
    Job,
    JobState,
    PredictorState,
    RoutedRequest,
)
from routerapp.serving.alerts.evaluate import evaluate
from routerapp.serving.alerts.words import incident_words
from routerapp.serving.detect_drift import detect_drift
from routerapp.serving.drift_found import DETECT, DriftFound, newest_drift
from routerapp.store.config_document import unix_ms
from routerapp.store.facts import recorded_documents
from routerapp.store.records import Begin, encode_record
from routerapp.store.traffic_counts import length_name
from tests.learned import small_artefact
from tests.learned_rows import a_predictor
from tests.serving.alerts.alerting import SUMS, a_channel, a_rule

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY_MS = 86_400_000
_ids = itertools.count(1)


def look(now: datetime = NOW) -> DriftFound:
    job = Job.objects.create(kind=DETECT, state=JobState.RUNNING)
    words, result = detect_drift(job, now)
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, result=result, finished_at=now, message=words)
    return newest_drift(now)


def asked(days_ago: int, each: int, **columns: Any) -> list[str]:
    """So many live chats on that day, spread over it."""
    rows = []
    for place in range(each):
        at_ms = unix_ms(NOW) - days_ago * DAY_MS + place * DAY_MS // each
        fields = {"task": "chat", "language": "en", "prompt_tokens_estimate": 40} | columns
        rows.append(
            RoutedRequest(
                id=f"0193d000-0000-7000-8000-{next(_ids):012x}",
                at_ms=at_ms,
                origin="live",
                status="ok",
                requested_model="auto",
                language_model="gpt",
                **fields,
            )
        )
    RoutedRequest.objects.bulk_create(rows)
    return [row.id for row in rows]


def judged(good: float, days: range, each: int, model: str = "gpt", seed: int = 1) -> None:
    generator = np.random.Generator(np.random.PCG64(seed))
    for day in days:
        ids = asked(day, each, task="code")
        RoutedRequest.objects.filter(id__in=ids).update(language_model=model)
        rows = RoutedRequest.objects.filter(id__in=ids).values_list("id", "at_ms")
        Feedback.objects.bulk_create(
            Feedback(
                id=f"f{number}-{request_id[-12:]}",
                request_id=request_id,
                at_ms=at_ms + 1,
                kind="boolean",
                value=float(generator.random() < good),
                source="key",
            )
            for number, (request_id, at_ms) in enumerate(rows)
        )


def attempted(days_ago: int, ok: int, failed: int, model: str = "gpt") -> None:
    day = unix_ms(NOW) // DAY_MS - days_ago
    fields = {"granularity": "day", "starts_at_ms": day * DAY_MS, "origin": "live", "deployment": "d"}
    fields |= {"language_model": model, "provider": "acme"} | SUMS
    for status, n in (("ok", ok), ("timeout", failed)):
        AttemptRollup.objects.create(id=next(_ids), status=status, n=n, **fields)


def test_what_stays_as_it_was_is_let_be() -> None:
    for day in range(1, 15):
        asked(day, 60)
        asked(day, 20, task="code", language="de")
    for day in range(35):
        attempted(day, 190, 10)
    judged(0.8, range(1, 30), 12)

    assert look() == DriftFound()


def test_requests_of_another_kind_open_one_alert_that_is_told_once_and_closes() -> None:
    channel = a_channel()
    a_rule("input_drift", (channel,), subject="week", threshold=0.2, window_minutes=60)
    a_rule("input_drift", (channel,), subject="training", threshold=0.2)
    for day in range(1, 15):
        asked(day, 60, language="en" if day > 3 else "de")
    found = look()
    evaluate(NOW)
    evaluate(NOW + timedelta(minutes=30))

    moved = {one.dimension: one for one in found.kinds}["language"]
    assert (moved.name, moved.before, moved.moved) == ("de", pytest.approx(0.0, abs=0.01), 1.0)
    # The three newest days, told by the day on which it began.
    assert (unix_ms(NOW) - moved.since_ms) // DAY_MS == 3
    incident = AlertIncident.objects.get()
    assert (incident.subject, incident.value) == ("week", 1.0)
    assert "100 % of requests are of another kind than in the week before, since 2026-10-29" in incident_words(incident)
    assert "most of all the language" in incident_words(incident)
    assert AlertMessage.objects.count() == 1

    later = NOW + timedelta(days=14)
    look(later)
    evaluate(later)
    evaluate(later + timedelta(minutes=61))
    assert [message.event for message in AlertMessage.objects.order_by("pk")] == ["opened", "closed"]


def test_prompts_unlike_those_trained_on_are_found_by_their_clusters() -> None:
    content, sha256 = small_artefact()
    a_predictor(artefact=content, sha256=sha256, state=PredictorState.LIVE, promoted_at=NOW)
    a_rule("input_drift", subject="training", threshold=0.3)
    said = Predictions(sha256, {"cheap": ModelPrediction(0.5)}, cluster=0)
    begin = Begin(
        id="x", at_ms=0, origin="live", decision=None, inputs=Inputs(Features(), RequestFacts(), predictions=said)
    )
    document, _ = recorded_documents(encode_record(begin))
    for day in range(1, 8):
        for request_id in asked(day, 40):
            DecisionInputs.objects.create(
                request_id=request_id,
                at_ms=1,
                config_revision="0" * 64,
                seed="0",
                engine_version="1",
                policy="support",
                policy_version=1,
                document=document,
            )
    found = look()
    evaluate(NOW)

    moved = next(one for one in found.kinds if one.against == "training")
    assert (moved.dimension, moved.name, moved.predictor) == ("cluster", "0", "ours@1")
    assert "lie elsewhere than those ours@1 was trained on" in incident_words(AlertIncident.objects.get())


def test_a_model_whose_attempts_or_answers_get_worse_than_its_own_past_opens_an_alert() -> None:
    a_rule("success_drift", threshold=0.05, window_minutes=60)
    a_rule("success_drift", subject="model:other", threshold=0.05)
    for day in range(35):
        attempted(day, 190 if day > 2 else 150, 10 if day > 2 else 50)
        attempted(day, 200, 5, model="steady")
    judged(0.9, range(8, 30), 12, model="poet")
    judged(0.4, range(1, 5), 25, model="poet", seed=2)
    judged(0.9, range(1, 30), 12, model="fine", seed=3)
    found = look()
    evaluate(NOW)

    assert {(one.model, one.measure) for one in found.models} == {("gpt", "attempts"), ("poet", "scores")}
    told = {incident.subject: incident_words(incident) for incident in AlertIncident.objects.all()}
    assert set(told) == {"model:gpt", "model:poet"}
    assert (
        "Model gpt: 75 % of its attempts go well, 95 % did before, since 2026-10-30 (600 attempts)" in told["model:gpt"]
    )
    assert "Model poet: its answers are judged" in told["model:poet"]
    assert told["model:poet"].endswith("the alert is set at 5 points.")


def test_a_look_of_long_ago_says_nothing_of_now() -> None:
    for day in range(1, 15):
        asked(day, 60, language="en" if day > 3 else "de")

    assert look().kinds
    assert newest_drift(NOW + timedelta(hours=4)) == DriftFound()


def test_lengths_are_told_in_classes() -> None:
    assert [length_name(tokens) for tokens in (0, 100, 7_999, 8_000)] == [
        "under 100 tokens",
        "100 to 499 tokens",
        "2,000 to 7,999 tokens",
        "from 8,000 tokens",
    ]
