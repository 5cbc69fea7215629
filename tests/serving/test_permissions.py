import pytest

from routerapp.models import Role
from routerapp.serving.permissions import RANK, ROLE_OF_ACTION, Actor, NotAllowed, may, require


@pytest.mark.parametrize("action", ROLE_OF_ACTION)
def test_a_role_reaches_what_lower_roles_reach(action: str) -> None:
    reached = [may(Actor("ada", "user", role), action) for role in Role.values]

    assert reached == sorted(reached)
    assert reached[-1]


def test_the_table_says_what_each_role_adds() -> None:
    by_role = {role: {action for action, least in ROLE_OF_ACTION.items() if least == role} for role in Role}

    assert by_role[Role.VIEWER] == {"read"}
    assert {"edit_draft", "edit_score", "edit_dimension", "use_playground"} <= by_role[Role.EDITOR]
    assert {"publish_policy", "roll_back_policy"} <= by_role[Role.PUBLISHER]
    assert {"edit_provider", "edit_credential", "edit_key", "edit_people", "remove_sample_data"} <= by_role[Role.ADMIN]


@pytest.mark.parametrize("role", ["", "owner", "ADMIN"])
def test_an_unknown_role_may_nothing(role: str) -> None:
    assert not may(Actor("eve", "user", role), "read")


def test_a_refusal_names_the_role_that_is_needed() -> None:
    with pytest.raises(NotAllowed, match="needs the role publisher") as refused:
        require(Actor("ada", "user", Role.EDITOR), "publish_policy")

    assert refused.value.needs == Role.PUBLISHER


def test_an_unknown_action_is_a_mistake_in_the_program() -> None:
    with pytest.raises(KeyError):
        require(Actor("ada", "user", Role.ADMIN), "fly")


def test_ranks_follow_the_order_of_roles() -> None:
    assert [RANK[role] for role in ("viewer", "editor", "publisher", "admin")] == [0, 1, 2, 3]
