"""/api/dimensions: the capabilities language models are scored on."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Dimension
from routerapp.serving import edit_scores

TAG = "Models"


class DimensionSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    position = serializers.IntegerField()


class NewDimensionSerializer(StrictSerializer):
    slug = SlugText()
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)


class DimensionFieldsSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=0, max_value=10_000, required=False)


class DimensionList(Endpoint):
    actions = {"GET": "read", "POST": "edit_dimension"}

    @described("Every dimension", list_shape(DimensionSerializer), tag=TAG, name="dimensions_list")
    def get(self, request: Request) -> Response:
        return data_of(DimensionSerializer, Dimension.objects.all())

    @described(
        "Add a dimension",
        DimensionSerializer,
        takes=NewDimensionSerializer,
        status=201,
        tag=TAG,
        name="dimensions_create",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewDimensionSerializer)
        row = edit_scores.add_dimension(body.pop("slug"), body.pop("name"), by=actor_of(request), **body)
        return Response(DimensionSerializer(row).data, status=201)


class DimensionDetail(Endpoint):
    actions = {"PATCH": "edit_dimension"}

    @described(
        "Change a dimension", DimensionSerializer, takes=DimensionFieldsSerializer, tag=TAG, name="dimensions_edit"
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, DimensionFieldsSerializer)
        return Response(DimensionSerializer(edit_scores.edit_dimension(slug, by=actor_of(request), **fields)).data)
