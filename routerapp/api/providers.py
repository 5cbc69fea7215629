"""/api/providers: vendors' APIs. A credential goes in and is never given out; its last four characters are."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Provider, ProviderKind
from routerapp.serving import edit_catalog
from routerapp.serving.changes import find
from routerapp.serving.rotate_credential import rotate_credential

TAG = "Providers"


class ProviderSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=ProviderKind.choices)
    base_url = serializers.CharField(allow_blank=True)
    preset = serializers.CharField(allow_blank=True)
    options = serializers.DictField()
    is_enabled = serializers.BooleanField()
    is_sample = serializers.BooleanField()
    credential_last_four = serializers.CharField(
        source="credential.last_four", default=None, allow_null=True, allow_blank=True
    )
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class NewProviderSerializer(StrictSerializer):
    slug = SlugText()
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=ProviderKind.choices, required=False)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    preset = serializers.CharField(max_length=40, required=False, allow_blank=True)
    options = serializers.DictField(required=False)


class ProviderFieldsSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    preset = serializers.CharField(max_length=40, required=False, allow_blank=True)
    options = serializers.DictField(required=False)
    is_enabled = serializers.BooleanField(required=False)


class CredentialSerializer(StrictSerializer):
    """is_tried: ask the upstream with it first, and keep the old one when it is refused."""

    credential = serializers.CharField(max_length=edit_catalog.MAX_CREDENTIAL, write_only=True)
    is_tried = serializers.BooleanField(required=False, default=False)


class CredentialStateSerializer(serializers.Serializer):
    last_four = serializers.CharField(allow_blank=True)
    updated_at = serializers.DateTimeField()


class ProviderList(Endpoint):
    actions = {"GET": "read", "POST": "edit_provider"}

    @described("Every provider, archived ones included", list_shape(ProviderSerializer), tag=TAG, name="providers_list")
    def get(self, request: Request) -> Response:
        return data_of(ProviderSerializer, Provider.objects.select_related("credential").order_by("slug"))

    @described(
        "Add a provider", ProviderSerializer, takes=NewProviderSerializer, status=201, tag=TAG, name="providers_create"
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewProviderSerializer)
        provider = edit_catalog.add_provider(body.pop("slug"), by=actor_of(request), **body)
        return Response(ProviderSerializer(provider).data, status=201)


class ProviderDetail(Endpoint):
    actions = {"GET": "read", "PATCH": "edit_provider", "DELETE": "edit_provider"}

    @described("One provider", ProviderSerializer, tag=TAG, name="providers_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProviderSerializer(find(Provider.objects.all(), "provider", slug=slug)).data)

    @described(
        "Change name, address, preset and options or switch off; a new host drops the credential",
        ProviderSerializer,
        takes=ProviderFieldsSerializer,
        tag=TAG,
        name="providers_edit",
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, ProviderFieldsSerializer)
        return Response(ProviderSerializer(edit_catalog.edit_provider(slug, fields, by=actor_of(request))).data)

    @described("Archive a provider without open deployments", None, status=204, tag=TAG, name="providers_archive")
    def delete(self, request: Request, slug: str) -> Response:
        edit_catalog.archive_provider(slug, by=actor_of(request))
        return Response(status=204)


class ProviderCredential(Endpoint):
    actions = {"PUT": "edit_credential", "DELETE": "edit_credential"}

    @described(
        "Set the credential", CredentialStateSerializer, takes=CredentialSerializer, tag=TAG, name="credentials_set"
    )
    def put(self, request: Request, slug: str) -> Response:
        given = read_body(request, CredentialSerializer)
        row, _ = rotate_credential(slug, given["credential"], by=actor_of(request), is_tried=given["is_tried"])
        return Response(CredentialStateSerializer(row).data)

    @described("Forget the credential", None, status=204, tag=TAG, name="credentials_clear")
    def delete(self, request: Request, slug: str) -> Response:
        edit_catalog.clear_credential(slug, by=actor_of(request))
        return Response(status=204)
