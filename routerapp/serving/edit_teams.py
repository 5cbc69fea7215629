"""Teams of callers: made, renamed, limited, archived. A team's slug stands in every record, so it never changes and is never given again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from routerapp.engine.problems import Problem
from routerapp.models import APIKey, Team, User
from routerapp.serving.allowance_fields import ALLOWANCE_INPUTS, allowance_values, set_allowance
from routerapp.serving.changes import changing, find, save_valid
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Invalid, invalid
from routerapp.serving.slugs import checked_slug


def add_team(slug: str, fields: Mapping[str, Any], *, by: Actor) -> Team:
    """fields: name and limits; the name is the slug where none is given."""
    with changing(by, "edit_team", f"team:{slug}", event="add_team") as change:
        team = Team(slug=checked_slug(slug, Team.objects.all(), "team"))
        _set(team, {"name": slug, **fields})
        change.after = _values(team)
    return team


def edit_team(slug: str, fields: Mapping[str, Any], *, by: Actor) -> Team:
    """fields: name and limits; those left out stay."""
    with changing(by, "edit_team", f"team:{slug}") as change:
        team = find(Team.objects.filter(archived_at=None), "team", slug=slug)
        change.before = _values(team)
        _set(team, fields)
        change.after = _values(team)
    return team


def archive_team(slug: str, *, by: Actor, reason: str = "") -> Team:
    """Refused while anybody still belongs to it: their spend would go on under the name of a team that is gone."""
    with changing(by, "edit_team", f"team:{slug}", event="archive_team", reason=reason) as change:
        team = find(Team.objects.filter(archived_at=None), "team", slug=slug)
        keys = APIKey.objects.filter(team=team, revoked_at=None).count()
        people = User.objects.filter(team=team, is_active=True).count()
        if keys or people:
            words = f"Still in {slug}: API keys {keys}, people {people}. Move or revoke them first."
            raise invalid("", "in_use", words)
        team.archived_at = timezone.now()
        team.save(update_fields=["archived_at"])
        change.after = {"archived": True}
    return team


def _set(team: Team, fields: Mapping[str, Any]) -> None:
    unknown = sorted(set(fields) - {"name", *ALLOWANCE_INPUTS})
    if unknown:
        raise Invalid(Problem(name, "unknown_field", f"{name} cannot be set here.") for name in unknown)
    team.name = fields.get("name", team.name)
    set_allowance(team, fields)
    save_valid(team)


def _values(team: Team) -> dict[str, Any]:
    return {"name": team.name, **allowance_values(team)}
