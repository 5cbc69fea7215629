"""/api/keys: callers' API keys. The whole key is in the answer to its creation and nowhere else."""

from __future__ import annotations

import time

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.allowances import AllowanceFieldsSerializer, AllowanceSerializer, StandingSerializer, with_spend
from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import DocumentField, SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.engine.allowances import KEY_PREFIX
from routerapp.models import APIKey
from routerapp.serving import manage_keys
from routerapp.serving.changes import find
from routerapp.store.caller_standing import Standings

TAG = "Keys"


class KeySerializer(AllowanceSerializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    prefix = serializers.CharField()
    last_four = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    constraints = DocumentField(source="constraints_document")
    default_policy = serializers.CharField(source="default_policy.slug", default=None, allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()


class KeyAnswerSerializer(KeySerializer):
    spend = StandingSerializer()


class NewKeyAnswerSerializer(KeyAnswerSerializer):
    key = serializers.CharField(help_text="The whole key, this once.")


class KeyFieldsSerializer(AllowanceFieldsSerializer):
    name = serializers.CharField(max_length=100, required=False)
    team = SlugText(required=False, allow_null=True)
    constraints = DocumentField(required=False)
    default_policy = SlugText(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class NewKeySerializer(KeyFieldsSerializer):
    name = serializers.CharField(max_length=100)
    scopes = serializers.MultipleChoiceField(choices=manage_keys.SCOPES, allow_empty=False)


class RevokeSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


_ROWS = APIKey.objects.select_related("team", "default_policy", "created_by")


class KeyList(Endpoint):
    actions = {"GET": "read_keys", "POST": "edit_key"}

    @described("Every key, revoked ones included", list_shape(KeyAnswerSerializer), tag=TAG, name="keys_list")
    def get(self, request: Request) -> Response:
        standings = _standings()
        return Response({"data": [_shown(row, standings) for row in _ROWS.order_by("slug")]})

    @described("Make a key", NewKeyAnswerSerializer, takes=NewKeySerializer, status=201, tag=TAG, name="keys_create")
    def post(self, request: Request) -> Response:
        body = read_body(request, NewKeySerializer)
        created = manage_keys.create_key(body.pop("name"), by=actor_of(request), **body)
        return Response({**_shown(created.row, _standings()), "key": created.full_key}, status=201)


class KeyDetail(Endpoint):
    actions = {"GET": "read_keys", "PATCH": "edit_key"}

    @described("One key", KeyAnswerSerializer, tag=TAG, name="keys_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(_shown(find(_ROWS.all(), "key", slug=slug), _standings()))

    @described(
        "Change a key; its scopes stay", KeyAnswerSerializer, takes=KeyFieldsSerializer, tag=TAG, name="keys_edit"
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, KeyFieldsSerializer)
        return Response(_shown(manage_keys.edit_key(slug, fields, by=actor_of(request)), _standings()))


class KeyRevoke(Endpoint):
    actions = {"POST": "edit_key"}

    @described("Revoke a key for good", KeyAnswerSerializer, takes=RevokeSerializer, tag=TAG, name="keys_revoke")
    def post(self, request: Request, slug: str) -> Response:
        reason = read_body(request, RevokeSerializer)["reason"]
        return Response(_shown(manage_keys.revoke_key(slug, by=actor_of(request), reason=reason), _standings()))


def _standings() -> Standings:
    return Standings(time.time_ns() // 1_000_000)


def _shown(row: APIKey, standings: Standings) -> dict[str, object]:
    return with_spend(KeySerializer(row).data, standings.of(KEY_PREFIX + row.slug))
