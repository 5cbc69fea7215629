"""Who may do what: one table of actions and the least role each needs.

Every write use case asks `require` itself, so a page or an endpoint that forgets to ask still cannot write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from routerapp.models import Role
from routerapp.serving.refusals import WriteRefused

RANK: Mapping[str, int] = MappingProxyType({role: rank for rank, role in enumerate(Role.values)})

ROLE_OF_ACTION: Mapping[str, Role] = MappingProxyType(
    {
        "read": Role.VIEWER,
        "edit_draft": Role.EDITOR,
        "create_policy": Role.EDITOR,
        "edit_score": Role.EDITOR,
        "edit_dimension": Role.EDITOR,
        "edit_benchmark": Role.EDITOR,
        "train_predictor": Role.EDITOR,
        "calibrate": Role.EDITOR,
        "edit_task_class": Role.EDITOR,
        "use_playground": Role.EDITOR,
        "read_content": Role.EDITOR,
        "publish_policy": Role.PUBLISHER,
        "roll_back_policy": Role.PUBLISHER,
        "archive_policy": Role.PUBLISHER,
        "set_default_policy": Role.PUBLISHER,
        "promote_predictor": Role.PUBLISHER,
        "schedule_refit": Role.PUBLISHER,
        "override_champion_gate": Role.ADMIN,
        "edit_provider": Role.ADMIN,
        "edit_credential": Role.ADMIN,
        "edit_language_model": Role.ADMIN,
        "edit_deployment": Role.ADMIN,
        "edit_price": Role.ADMIN,
        "edit_alias": Role.ADMIN,
        "edit_key": Role.ADMIN,
        "read_keys": Role.ADMIN,
        "edit_team": Role.ADMIN,
        "edit_end_user": Role.ADMIN,
        "edit_people": Role.ADMIN,
        "read_people": Role.ADMIN,
        "read_audit": Role.ADMIN,
        "read_system": Role.ADMIN,
        "edit_jobs": Role.ADMIN,
        "purge_content": Role.ADMIN,
        "remove_sample_data": Role.ADMIN,
        "edit_settings": Role.ADMIN,
        "edit_alerts": Role.ADMIN,
    }
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. kind: user, key or system; name: user name, key slug or the part of the system; address: where from."""

    name: str
    kind: str
    role: str
    address: str = ""


SYSTEM = Actor("signalbox", "system", Role.ADMIN)


class NotAllowed(WriteRefused):
    code = "not_allowed"

    def __init__(self, actor: Actor, action: str) -> None:
        self.action = action
        self.needs = ROLE_OF_ACTION[action]
        super().__init__(f"{action} needs the role {self.needs.value}; {actor.name} is {actor.role or 'nobody'}.")


def may(actor: Actor, action: str) -> bool:
    """Unknown roles may nothing; an unknown action is a programming error (KeyError)."""
    return RANK.get(actor.role, -1) >= RANK[ROLE_OF_ACTION[action]]


def require(actor: Actor, action: str) -> None:
    if not may(actor, action):
        raise NotAllowed(actor, action)
