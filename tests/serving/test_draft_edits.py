import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.serving import draft_edits
from routerapp.serving.refusals import Invalid, Missing

RULE = {"name": "cheap", "use": {"pool": ["all"]}}


def a_document(count: int = 3) -> dict:
    rules = [{"id": f"r{n}", "name": f"rule {n}", "use": {"pool": ["all"]}} for n in range(count)]
    return {"schema": 1, "policy": "support", "rules": rules, "default": {"pool": ["all"]}}


def ids(document: dict) -> list[str]:
    return [rule["id"] for rule in document["rules"]]


def test_a_new_rule_gets_an_id_of_its_own_at_the_end() -> None:
    edited = draft_edits.add_rule(a_document(), {**RULE, "id": "r0"})

    assert ids(edited)[:3] == ["r0", "r1", "r2"]
    assert ids(edited)[3] not in {"r0", "r1", "r2"}
    assert edited["rules"][3]["name"] == "cheap"


def test_a_rule_can_be_put_first() -> None:
    assert draft_edits.add_rule(a_document(), RULE, position=0)["rules"][0]["name"] == "cheap"


def test_replacing_keeps_id_and_place() -> None:
    edited = draft_edits.replace_rule(a_document(), "r1", {**RULE, "id": "other"})

    assert ids(edited) == ["r0", "r1", "r2"]
    assert edited["rules"][1]["name"] == "cheap"


@pytest.mark.parametrize(
    ("rule", "direction", "expected"),
    [
        ("r1", "up", ["r1", "r0", "r2"]),
        ("r1", "down", ["r0", "r2", "r1"]),
        ("r0", "up", ["r0", "r1", "r2"]),
        ("r2", "down", ["r0", "r1", "r2"]),
    ],
)
def test_moving_stops_at_the_ends(rule: str, direction: str, expected: list[str]) -> None:
    assert ids(draft_edits.move_rule(a_document(), rule, direction)) == expected


def test_a_rule_is_switched_off_and_on() -> None:
    off = draft_edits.toggle_rule(a_document(), "r1")

    assert off["rules"][1]["enabled"] is False
    assert draft_edits.toggle_rule(off, "r1")["rules"][1]["enabled"] is True


def test_default_constraints_and_time_zone_are_replaced_whole() -> None:
    edited = draft_edits.set_default(a_document(), {"reject": "no"})
    edited = draft_edits.set_constraints(edited, {"regions": ["eu"]})
    edited = draft_edits.set_timezone(edited, "Europe/Berlin")

    assert edited["default"] == {"reject": "no"}
    assert edited["constraints"] == {"regions": ["eu"]}
    assert edited["timezone"] == "Europe/Berlin"


def test_extras_are_replaced_whole_and_stand_before_the_rules() -> None:
    document = {**a_document(), "unsupported": "drop", "content": {"keep": "redacted"}}
    edited = draft_edits.set_extras(document, {"cache": {"mode": "exact"}})

    assert edited == {**a_document(), "cache": {"mode": "exact"}}
    assert list(edited)[-3:] == ["cache", "rules", "default"]
    assert document["unsupported"] == "drop"


def test_a_rule_that_is_not_there_is_missing() -> None:
    with pytest.raises(Missing):
        draft_edits.remove_rule(a_document(), "gone")


def test_there_is_no_third_direction() -> None:
    with pytest.raises(Invalid):
        draft_edits.move_rule(a_document(), "r1", "left")


@given(st.lists(st.sampled_from(["add", "up", "down", "toggle", "remove", "replace"]), max_size=12), st.data())
def test_no_move_touches_the_document_it_was_given(moves: list[str], data: st.DataObject) -> None:
    document = a_document()
    for move in moves:
        before = copy.deepcopy(document)
        rules = ids(document)
        rule = data.draw(st.sampled_from(rules)) if rules else None
        if move == "add" or rule is None:
            edited = draft_edits.add_rule(document, RULE)
        elif move in ("up", "down"):
            edited = draft_edits.move_rule(document, rule, move)
        elif move == "replace":
            edited = draft_edits.replace_rule(document, rule, RULE)
        else:
            edited = getattr(draft_edits, f"{move}_rule")(document, rule)
        edited["rules"].append("scribble")
        edited["rules"].pop()

        assert document == before
        assert len(set(ids(edited))) == len(ids(edited))
        document = edited
