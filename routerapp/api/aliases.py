"""/api/aliases: names callers may send as model."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Alias
from routerapp.serving import edit_aliases

TAG = "Aliases"


class AliasSerializer(serializers.Serializer):
    name = serializers.CharField()
    target = serializers.CharField(help_text="policy:<slug>, model:<slug> or deployment:<slug>")
    created_at = serializers.DateTimeField()


class AliasTargetSerializer(StrictSerializer):
    target = serializers.CharField(max_length=120)


class AliasList(Endpoint):
    actions = {"GET": "read"}

    @described("Every alias", list_shape(AliasSerializer), tag=TAG, name="aliases_list")
    def get(self, request: Request) -> Response:
        return data_of(AliasSerializer, Alias.objects.order_by("name"))


class AliasDetail(Endpoint):
    actions = {"PUT": "edit_alias", "DELETE": "edit_alias"}

    @described(
        "Add an alias or lead it elsewhere", AliasSerializer, takes=AliasTargetSerializer, tag=TAG, name="aliases_set"
    )
    def put(self, request: Request, name: str) -> Response:
        target = read_body(request, AliasTargetSerializer)["target"]
        return Response(AliasSerializer(edit_aliases.set_alias(name, target, by=actor_of(request))).data)

    @described("Remove an alias", None, status=204, tag=TAG, name="aliases_remove")
    def delete(self, request: Request, name: str) -> Response:
        edit_aliases.remove_alias(name, by=actor_of(request))
        return Response(status=204)
