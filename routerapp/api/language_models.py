"""/api/models: language models, what they can do, and their capability scores."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.api.scores import ScoreSerializer
from routerapp.models import LanguageModel, Modality
from routerapp.serving import edit_catalog
from routerapp.serving.changes import find

TAG = "Models"
MAX_TOKENS = 100_000_000


class LanguageModelSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    vendor = serializers.CharField(allow_blank=True)
    context_window = serializers.IntegerField()
    max_output_tokens = serializers.IntegerField(allow_null=True)
    has_tools = serializers.BooleanField()
    has_vision = serializers.BooleanField()
    has_json_schema = serializers.BooleanField()
    has_streaming = serializers.BooleanField()
    modality = serializers.ChoiceField(choices=Modality.choices)
    is_sample = serializers.BooleanField()
    archived_at = serializers.DateTimeField(allow_null=True)
    scores = ScoreSerializer(many=True)


class LanguageModelFieldsSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    vendor = serializers.CharField(max_length=100, required=False, allow_blank=True)
    context_window = serializers.IntegerField(min_value=1, max_value=MAX_TOKENS, required=False)
    max_output_tokens = serializers.IntegerField(min_value=1, max_value=MAX_TOKENS, required=False, allow_null=True)
    has_tools = serializers.BooleanField(required=False)
    has_vision = serializers.BooleanField(required=False)
    has_json_schema = serializers.BooleanField(required=False)
    has_streaming = serializers.BooleanField(required=False)
    modality = serializers.ChoiceField(choices=Modality.choices, required=False)


class NewLanguageModelSerializer(LanguageModelFieldsSerializer):
    slug = SlugText()
    name = serializers.CharField(max_length=100)
    context_window = serializers.IntegerField(min_value=1, max_value=MAX_TOKENS)


class LanguageModelList(Endpoint):
    actions = {"GET": "read", "POST": "edit_language_model"}

    @described(
        "Every language model, archived ones included", list_shape(LanguageModelSerializer), tag=TAG, name="models_list"
    )
    def get(self, request: Request) -> Response:
        rows = LanguageModel.objects.prefetch_related("scores__dimension").order_by("slug")
        return data_of(LanguageModelSerializer, rows)

    @described(
        "Add a language model",
        LanguageModelSerializer,
        takes=NewLanguageModelSerializer,
        status=201,
        tag=TAG,
        name="models_create",
    )
    def post(self, request: Request) -> Response:
        fields = read_body(request, NewLanguageModelSerializer)
        row = edit_catalog.add_language_model(fields.pop("slug"), fields, by=actor_of(request))
        return Response(LanguageModelSerializer(row).data, status=201)


class LanguageModelDetail(Endpoint):
    actions = {"GET": "read", "PATCH": "edit_language_model", "DELETE": "edit_language_model"}

    @described("One language model", LanguageModelSerializer, tag=TAG, name="models_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(LanguageModelSerializer(find(LanguageModel.objects.all(), "language model", slug=slug)).data)

    @described(
        "Change a language model",
        LanguageModelSerializer,
        takes=LanguageModelFieldsSerializer,
        tag=TAG,
        name="models_edit",
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, LanguageModelFieldsSerializer)
        row = edit_catalog.edit_language_model(slug, fields, by=actor_of(request))
        return Response(LanguageModelSerializer(row).data)

    @described("Archive a language model without open deployments", None, status=204, tag=TAG, name="models_archive")
    def delete(self, request: Request, slug: str) -> Response:
        edit_catalog.archive_language_model(slug, by=actor_of(request))
        return Response(status=204)
