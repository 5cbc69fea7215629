"""/api/deployments: the places that serve models. Prices are beside."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import DocumentField, SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.api.prices import PriceSerializer
from routerapp.models import Deployment
from routerapp.serving import edit_catalog
from routerapp.serving.changes import find

TAG = "Deployments"
MAX_COUNT = 10_000_000
MAX_TOKENS = 1_000_000_000_000


class DeploymentSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    provider = serializers.CharField(source="provider.slug")
    model = serializers.CharField(source="language_model.slug")
    upstream_model = serializers.CharField()
    base_url = serializers.CharField(allow_blank=True)
    region = serializers.CharField(allow_blank=True)
    residency = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(child=serializers.CharField())
    weight = serializers.IntegerField()
    max_in_flight = serializers.IntegerField(allow_null=True)
    requests_per_minute = serializers.IntegerField(allow_null=True)
    tokens_per_minute = serializers.IntegerField(allow_null=True)
    simulation = DocumentField()
    is_enabled = serializers.BooleanField()
    is_sample = serializers.BooleanField()
    archived_at = serializers.DateTimeField(allow_null=True)
    prices = PriceSerializer(many=True)


class DeploymentFieldsSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    upstream_model = serializers.CharField(max_length=200, required=False)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    region = serializers.CharField(max_length=40, required=False, allow_blank=True)
    residency = serializers.ListField(child=serializers.CharField(max_length=60), max_length=50, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), max_length=50, required=False)
    weight = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    max_in_flight = serializers.IntegerField(min_value=1, max_value=MAX_COUNT, required=False, allow_null=True)
    requests_per_minute = serializers.IntegerField(min_value=1, max_value=MAX_COUNT, required=False, allow_null=True)
    tokens_per_minute = serializers.IntegerField(min_value=1, max_value=MAX_TOKENS, required=False, allow_null=True)
    simulation = DocumentField(required=False)
    is_enabled = serializers.BooleanField(required=False)


class NewDeploymentSerializer(DeploymentFieldsSerializer):
    """provider and model are slugs and stay for good."""

    slug = SlugText()
    name = serializers.CharField(max_length=100)
    provider = SlugText()
    model = SlugText()
    upstream_model = serializers.CharField(max_length=200)


class DeploymentList(Endpoint):
    actions = {"GET": "read", "POST": "edit_deployment"}

    @described(
        "Every deployment, archived ones included", list_shape(DeploymentSerializer), tag=TAG, name="deployments_list"
    )
    def get(self, request: Request) -> Response:
        rows = Deployment.objects.select_related("provider", "language_model").prefetch_related("prices")
        return data_of(DeploymentSerializer, rows.order_by("slug"))

    @described(
        "Add a deployment",
        DeploymentSerializer,
        takes=NewDeploymentSerializer,
        status=201,
        tag=TAG,
        name="deployments_create",
    )
    def post(self, request: Request) -> Response:
        fields = read_body(request, NewDeploymentSerializer)
        row = edit_catalog.add_deployment(
            fields.pop("slug"),
            provider=fields.pop("provider"),
            language_model=fields.pop("model"),
            fields=fields,
            by=actor_of(request),
        )
        return Response(DeploymentSerializer(row).data, status=201)


class DeploymentDetail(Endpoint):
    actions = {"GET": "read", "PATCH": "edit_deployment", "DELETE": "edit_deployment"}

    @described("One deployment with its prices", DeploymentSerializer, tag=TAG, name="deployments_read")
    def get(self, request: Request, slug: str) -> Response:
        rows = Deployment.objects.select_related("provider", "language_model")
        return Response(DeploymentSerializer(find(rows, "deployment", slug=slug)).data)

    @described(
        "Change a deployment", DeploymentSerializer, takes=DeploymentFieldsSerializer, tag=TAG, name="deployments_edit"
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, DeploymentFieldsSerializer)
        return Response(DeploymentSerializer(edit_catalog.edit_deployment(slug, fields, by=actor_of(request))).data)

    @described("Archive a deployment no live policy needs", None, status=204, tag=TAG, name="deployments_archive")
    def delete(self, request: Request, slug: str) -> Response:
        edit_catalog.archive_deployment(slug, by=actor_of(request))
        return Response(status=204)
