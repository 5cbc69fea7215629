"""/api/providers/<slug>/test and what stands around it: presets, an upstream's models, deployments made from them. Answers hold no credential."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.deployments import DeploymentSerializer
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Modality
from routerapp.providers.options import OPTIONS
from routerapp.providers.presets import presets
from routerapp.serving.add_deployments import MOST_AT_ONCE, Wanted, add_deployments
from routerapp.serving.diagnose_provider import diagnose_provider, list_upstream_models
from routerapp.serving.edit_catalog import MAX_CREDENTIAL

TAG = "Providers"


class FindingSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="ok when it works")
    words = serializers.CharField()
    remedy = serializers.CharField(allow_blank=True)
    quote = serializers.CharField(allow_blank=True, help_text="what the upstream said, cut short")


class StepSerializer(serializers.Serializer):
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["ok", "fail", "warn", "skipped"])
    words = serializers.CharField(allow_blank=True)


class DiagnosisSerializer(serializers.Serializer):
    provider = serializers.CharField()
    is_ok = serializers.BooleanField()
    finding = FindingSerializer()
    warnings = FindingSerializer(many=True)
    steps = StepSerializer(many=True)
    address = serializers.CharField(allow_blank=True)
    asked_model = serializers.CharField(allow_blank=True)
    models = serializers.ListField(child=serializers.CharField(), allow_null=True)
    elapsed_ms = serializers.IntegerField()


class TestQuestionSerializer(StrictSerializer):
    """deployment or upstream_model: whom to call with one tiny question. credential: tried, not kept."""

    deployment = SlugText(required=False)
    upstream_model = serializers.CharField(max_length=200, required=False)
    credential = serializers.CharField(max_length=MAX_CREDENTIAL, required=False, write_only=True)


class UpstreamModelsSerializer(serializers.Serializer):
    models = serializers.ListField(child=serializers.CharField(), allow_null=True, help_text="null: see finding")
    finding = FindingSerializer()


class OptionSerializer(serializers.Serializer):
    name = serializers.CharField()
    value = serializers.ChoiceField(choices=["text", "flag", "choice"])
    help = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())


class PresetSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    base_url = serializers.CharField(allow_blank=True)
    credential = serializers.ChoiceField(choices=["required", "optional", "none"])
    key_prefix = serializers.CharField(allow_blank=True)
    key_url = serializers.CharField(allow_blank=True)
    docs_url = serializers.CharField(allow_blank=True)
    is_local = serializers.BooleanField()
    options = OptionSerializer(many=True)


class WantedSerializer(StrictSerializer):
    upstream_model = serializers.CharField(max_length=200)
    model = SlugText(required=False, allow_blank=True, help_text="empty: a new language model is made")
    context_window = serializers.IntegerField(min_value=1, max_value=100_000_000, required=False)
    modality = serializers.ChoiceField(choices=Modality.choices, required=False)


class WantedListSerializer(StrictSerializer):
    models = serializers.ListField(child=WantedSerializer(), max_length=MOST_AT_ONCE)


class ProviderPresetList(Endpoint):
    actions = {"GET": "read"}

    @described("Vendors that are known", list_shape(PresetSerializer), tag=TAG, name="provider_presets_list")
    def get(self, request: Request) -> Response:
        rows = [PresetSerializer(_preset_row(preset)).data for preset in presets().values()]
        return Response({"data": rows})


class ProviderTest(Endpoint):
    actions = {"POST": "edit_provider"}

    @described(
        "Test it: steps, what is wrong in plain words, what to do",
        DiagnosisSerializer,
        takes=TestQuestionSerializer,
        tag=TAG,
        name="providers_test",
    )
    def post(self, request: Request, slug: str) -> Response:
        asked = read_body(request, TestQuestionSerializer)
        return Response(DiagnosisSerializer(diagnose_provider(slug, by=actor_of(request), **asked)).data)


class ProviderUpstreamModels(Endpoint):
    actions = {"POST": "edit_provider"}

    @described("Ask the upstream what it serves", UpstreamModelsSerializer, tag=TAG, name="providers_upstream_models")
    def post(self, request: Request, slug: str) -> Response:
        return Response(UpstreamModelsSerializer(list_upstream_models(slug, by=actor_of(request))).data)


class ProviderDeployments(Endpoint):
    actions = {"POST": "edit_deployment"}

    @described(
        "Make deployments of several upstream models at once, all or none",
        list_shape(DeploymentSerializer),
        takes=WantedListSerializer,
        status=201,
        tag=TAG,
        name="providers_add_deployments",
    )
    def post(self, request: Request, slug: str) -> Response:
        rows = read_body(request, WantedListSerializer)["models"]
        added = add_deployments(slug, [_wanted(row) for row in rows], by=actor_of(request))
        return Response({"data": DeploymentSerializer(added, many=True).data}, status=201)


def _wanted(row: dict[str, Any]) -> Wanted:
    return Wanted(
        row["upstream_model"], row.get("model", ""), row.get("context_window"), row.get("modality", Modality.CHAT)
    )


def _preset_row(preset: Any) -> dict[str, Any]:
    names = ("name", "label", "kind", "base_url", "credential", "key_prefix", "key_url", "docs_url", "is_local")
    return {name: getattr(preset, name) for name in names} | {"options": OPTIONS.get(preset.kind, ())}
