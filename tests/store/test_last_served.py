"""Who answered a unit last: found again, bounded, forgotten in time."""

from routerapp.engine.types import LastServed
from routerapp.store.last_served import FORGET_AFTER_MS, ServedUnits
from routerapp.store.live import LiveState


def test_the_newest_answer_of_a_unit_counts() -> None:
    units = ServedUnits()
    units.note("u", "first", 100, 1)
    units.note("u", "second", 200, 2)

    assert units.find("u", 3) == LastServed("second", 200, 2)
    assert units.find("other", 3) is None


def test_a_unit_is_forgotten_once_no_rule_can_ask_for_it() -> None:
    units = ServedUnits()
    units.note("u", "first", 100, 0)

    assert units.find("u", FORGET_AFTER_MS) is not None
    assert units.find("u", FORGET_AFTER_MS + 1) is None
    assert len(units) == 0


def test_the_unit_not_served_for_longest_makes_room() -> None:
    units = ServedUnits(most=3)
    for name in ("a", "b", "c", "a", "d"):
        units.note(name, "x", 1, 1)

    assert [units.find(name, 1) is not None for name in "abcd"] == [True, False, True, True]


def test_a_view_shows_the_unit_and_its_tenant() -> None:
    live = LiveState()
    live.note_served("unit", "first", 10, 5)
    live.note_served("tenant", "second", 20, 6)
    view = live.view(7, unit="unit", tenant_unit="tenant")

    assert (view.last_served, view.tenant_last_served) == (LastServed("first", 10, 5), LastServed("second", 20, 6))
    assert live.view(7).last_served is None
