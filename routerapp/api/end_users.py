"""/api/end-users: limits of the users that callers name. `*` is everyone without limits of their own."""

from __future__ import annotations

import time

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.allowances import AllowanceFieldsSerializer, AllowanceSerializer, StandingSerializer, with_spend
from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.paging import list_shape
from routerapp.engine.allowances import EVERY_USER, USER_PREFIX
from routerapp.models import EndUserAllowance
from routerapp.serving import edit_end_users
from routerapp.serving.changes import find
from routerapp.store.caller_standing import Standings

TAG = "End users"


class EndUserSerializer(AllowanceSerializer):
    id = serializers.IntegerField()
    is_everyone = serializers.SerializerMethodField(help_text="These limits hold for each user without its own.")
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    created_at = serializers.DateTimeField()

    def get_is_everyone(self, row: EndUserAllowance) -> bool:
        return row.user_hash == EVERY_USER


class EndUserAnswerSerializer(EndUserSerializer):
    spend = StandingSerializer()


class EndUserFieldsSerializer(AllowanceFieldsSerializer):
    label = serializers.CharField(max_length=100, required=False, allow_blank=True)  # type: ignore[assignment]


class NewEndUserSerializer(EndUserFieldsSerializer):
    user = serializers.CharField(
        max_length=edit_end_users.MAX_USER_CHARACTERS,
        trim_whitespace=False,
        write_only=True,
        help_text="As callers send it in `user`; or * for everyone.",
    )


class EndUserList(Endpoint):
    actions = {"GET": "read_keys", "POST": "edit_end_user"}

    @described("Every end user with limits", list_shape(EndUserAnswerSerializer), tag=TAG, name="end_users_list")
    def get(self, request: Request) -> Response:
        rows = list(EndUserAllowance.objects.order_by("label", "pk"))
        standings = _standings(*rows)
        return Response({"data": [_shown(row, standings) for row in rows]})

    @described(
        "Limit an end user, in place of any limits it has",
        EndUserAnswerSerializer,
        takes=NewEndUserSerializer,
        status=201,
        tag=TAG,
        name="end_users_limit",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewEndUserSerializer)
        row = edit_end_users.limit_end_user(body.pop("user"), body, by=actor_of(request))
        return Response(_shown(row, _standings(row)), status=201)


class EndUserDetail(Endpoint):
    actions = {"GET": "read_keys", "PATCH": "edit_end_user", "DELETE": "edit_end_user"}

    @described("One end user", EndUserAnswerSerializer, tag=TAG, name="end_users_read")
    def get(self, request: Request, row_id: int) -> Response:
        row = find(EndUserAllowance.objects.all(), "limited end user", pk=row_id)
        return Response(_shown(row, _standings(row)))

    @described(
        "Change an end user's limits",
        EndUserAnswerSerializer,
        takes=EndUserFieldsSerializer,
        tag=TAG,
        name="end_users_edit",
    )
    def patch(self, request: Request, row_id: int) -> Response:
        fields = read_body(request, EndUserFieldsSerializer)
        row = edit_end_users.edit_end_user(row_id, fields, by=actor_of(request))
        return Response(_shown(row, _standings(row)))

    @described("Take an end user's own limits away", None, status=204, tag=TAG, name="end_users_free")
    def delete(self, request: Request, row_id: int) -> Response:
        edit_end_users.free_end_user(row_id, by=actor_of(request))
        return Response(status=204)


def _standings(*rows: EndUserAllowance) -> Standings:
    return Standings(time.time_ns() // 1_000_000, [row.user_hash for row in rows])


def _shown(row: EndUserAllowance, standings: Standings) -> dict[str, object]:
    return with_spend(EndUserSerializer(row).data, standings.of(USER_PREFIX + row.user_hash))
