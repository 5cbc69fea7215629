"""What arms saw, counted from rows: per unit, live only, inside the window."""

from typing import Any

import pytest

from routerapp.models import Feedback, RoutedRequest
from routerapp.store.experiment_counts import Window, count_arms

pytestmark = pytest.mark.django_db
WINDOW = Window("faster", 1_000, 2_000)


def seen(number: int, arm: str, **fields: Any) -> None:
    defaults: dict[str, Any] = {
        "at_ms": 1_500,
        "origin": "live",
        "status": "ok",
        "requested_model": "auto",
        "experiment": "faster",
        "attempts": 1,
        "cost_nusd": 2_000_000,
        "latency_ms": 100,
    }
    RoutedRequest.objects.create(id=f"id-{number}", arm=arm, **defaults | fields)


def test_counts_units_not_requests() -> None:
    for number in range(4):
        seen(number, "control", unit="same")
    seen(5, "control", unit="other", status="timeout")
    seen(6, "control", status="cancelled", cost_nusd=None)

    control, treatment = count_arms(WINDOW, {"control": 0.5, "treatment": 0.5})

    assert (control.assigned, control.units, control.success.units, control.success.n) == (6, 3, 2, 5)
    assert control.success.total == 4
    assert control.cost_usd.mean == pytest.approx(0.002)
    assert (treatment.assigned, treatment.latency_ms.mean) == (0, None)


def test_what_is_outside_the_window_or_not_live_does_not_count() -> None:
    seen(1, "control", at_ms=999)
    seen(2, "control", at_ms=2_000)
    seen(3, "control", origin="playground")
    seen(4, "control", experiment="another")

    assert count_arms(WINDOW, {"control": 1})[0].assigned == 0


def test_requests_that_asked_nobody_are_assigned_but_not_exposed() -> None:
    seen(1, "control", status="refused_budget", attempts=0)
    seen(2, "control", attempts=0, cache="hit", cost_nusd=0)

    (control,) = count_arms(WINDOW, {"control": 1})

    assert (control.assigned, control.exposed, control.success.n) == (2, 1, 1)


def test_the_newest_judgement_of_a_request_counts_once() -> None:
    seen(1, "control", unit="a")
    seen(2, "control", unit="b")
    for number, (request_id, value) in enumerate([("id-1", 0.0), ("id-1", 1.0), ("id-2", 0.5)]):
        Feedback.objects.create(
            id=f"f{number}", request_id=request_id, at_ms=1_600 + number, kind="rating", value=value, source="key"
        )

    (control,) = count_arms(WINDOW, {"control": 1})

    assert (control.feedback.n, control.feedback.mean) == (2, 0.75)


def test_unknown_arms_and_missing_prices_are_shown_not_hidden() -> None:
    seen(1, "ghost", cost_nusd=None)

    control, ghost = count_arms(WINDOW, {"control": 1})

    assert (control.name, ghost.name, ghost.weight, ghost.unpriced) == ("control", "ghost", 0.0, 1)
