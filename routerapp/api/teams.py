"""/api/teams: who shares keys and a budget."""

from __future__ import annotations

import time

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.allowances import AllowanceFieldsSerializer, AllowanceSerializer, StandingSerializer, with_spend
from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import SlugText
from routerapp.api.paging import list_shape
from routerapp.engine.allowances import TEAM_PREFIX
from routerapp.models import Team
from routerapp.serving import edit_teams
from routerapp.serving.changes import find
from routerapp.store.caller_standing import Standings

TAG = "Teams"


class TeamSerializer(AllowanceSerializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    archived_at = serializers.DateTimeField(allow_null=True)


class TeamAnswerSerializer(TeamSerializer):
    spend = StandingSerializer()


class TeamFieldsSerializer(AllowanceFieldsSerializer):
    name = serializers.CharField(max_length=100, required=False)


class NewTeamSerializer(TeamFieldsSerializer):
    slug = SlugText()


class TeamList(Endpoint):
    actions = {"GET": "read_keys", "POST": "edit_team"}

    @described("Every team, archived ones included", list_shape(TeamAnswerSerializer), tag=TAG, name="teams_list")
    def get(self, request: Request) -> Response:
        standings = _standings()
        return Response({"data": [_shown(team, standings) for team in Team.objects.order_by("slug")]})

    @described("Make a team", TeamAnswerSerializer, takes=NewTeamSerializer, status=201, tag=TAG, name="teams_create")
    def post(self, request: Request) -> Response:
        body = read_body(request, NewTeamSerializer)
        team = edit_teams.add_team(body.pop("slug"), body, by=actor_of(request))
        return Response(_shown(team, _standings()), status=201)


class TeamDetail(Endpoint):
    actions = {"GET": "read_keys", "PATCH": "edit_team", "DELETE": "edit_team"}

    @described("One team", TeamAnswerSerializer, tag=TAG, name="teams_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(_shown(find(Team.objects.all(), "team", slug=slug), _standings()))

    @described(
        "Rename a team or change its limits",
        TeamAnswerSerializer,
        takes=TeamFieldsSerializer,
        tag=TAG,
        name="teams_edit",
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, TeamFieldsSerializer)
        return Response(_shown(edit_teams.edit_team(slug, fields, by=actor_of(request)), _standings()))

    @described("Archive a team that nobody belongs to", None, status=204, tag=TAG, name="teams_archive")
    def delete(self, request: Request, slug: str) -> Response:
        edit_teams.archive_team(slug, by=actor_of(request))
        return Response(status=204)


def _standings() -> Standings:
    return Standings(time.time_ns() // 1_000_000)


def _shown(team: Team, standings: Standings) -> dict[str, object]:
    return with_spend(TeamSerializer(team).data, standings.of(TEAM_PREFIX + team.slug))
