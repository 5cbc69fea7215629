"""An operator takes a deployment out and lets it serve again, each time with a reason that can be read later."""

from __future__ import annotations

import pytest

from routerapp.models import AuditEvent, InstallationState
from routerapp.serving.operate_deployment import (
    cool_down_deployment,
    drain_deployment,
    read_standings,
    resume_deployment,
)
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.store.control import parse_control
from tests.factories import a_deployment, a_snapshot
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one() -> None:
    a_deployment(slug="one")


def test_a_drain_holds_until_it_is_resumed_and_says_who_and_why() -> None:
    drain_deployment("one", reason="GPU swap", by=ADMIN)
    standing = read_standings()["one"]
    assert standing.order is not None
    assert (standing.is_draining, standing.order.by, standing.order.reason) == (True, "admin", "GPU swap")
    assert not a_snapshot().config.deployments["one"].is_enabled or "one" in str(a_snapshot().control.draining)

    resume_deployment("one", reason="done", by=ADMIN)
    assert read_standings() == {}
    events = AuditEvent.objects.order_by("id").values_list("action", "reason")
    assert list(events) == [("drain_deployment", "GPU swap"), ("resume_deployment", "done")]


def test_a_cooldown_ends_by_itself() -> None:
    standing = cool_down_deployment("one", 5, reason="429s", by=ADMIN)
    assert standing.until_ms is not None
    state = InstallationState.objects.get()
    state.settings["control"]["cooldowns"]["one"] = 1
    state.save()

    assert read_standings() == {}


def test_a_cooldown_and_a_drain_end_together() -> None:
    cool_down_deployment("one", 5, reason="429s", by=ADMIN)
    drain_deployment("one", reason="GPU swap", by=ADMIN)
    resume_deployment("one", reason="done", by=ADMIN)

    control = parse_control(InstallationState.objects.get().settings)
    assert (control.draining, control.cooldowns, control.orders) == (frozenset(), {}, {})


@pytest.mark.parametrize("minutes", [0, -1, 1441, True])
def test_a_cooldown_has_bounds(minutes: int) -> None:
    with pytest.raises(Invalid):
        cool_down_deployment("one", minutes, reason="x", by=ADMIN)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "two\nlines"])
def test_a_reason_is_needed(reason: str) -> None:
    with pytest.raises(Invalid):
        drain_deployment("one", reason=reason, by=ADMIN)
    assert not AuditEvent.objects.exists()


def test_only_what_is_out_can_be_resumed() -> None:
    with pytest.raises(Invalid):
        resume_deployment("one", reason="x", by=ADMIN)


def test_it_takes_an_admin_and_a_deployment() -> None:
    with pytest.raises(NotAllowed):
        drain_deployment("one", reason="x", by=PUBLISHER)
    with pytest.raises(Missing):
        drain_deployment("two", reason="x", by=ADMIN)
