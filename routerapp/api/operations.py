"""/api/deployments/<slug>/drain, cooldown, resume: an operator's hand on one deployment, with a reason; and how it stands this second."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import StrictSerializer
from routerapp.models import Deployment
from routerapp.serving.changes import find
from routerapp.serving.deployment_state import LiveReading, read_live
from routerapp.serving.operate_deployment import (
    LONGEST_MINUTES,
    LONGEST_REASON,
    Standing,
    cool_down_deployment,
    drain_deployment,
    read_standings,
    resume_deployment,
    standing_document,
)

TAG = "Deployments"


class OperatorReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=LONGEST_REASON)


class CooldownSerializer(OperatorReasonSerializer):
    minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_MINUTES)


class OperatorStandingSerializer(serializers.Serializer):
    """by, at_ms, reason: of the newest order, while it stands."""

    is_serving = serializers.BooleanField()
    is_draining = serializers.BooleanField()
    cooldown_until_ms = serializers.IntegerField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    at_ms = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(allow_null=True)


class LiveSerializer(serializers.Serializer):
    """Over the workers that report it."""

    workers = serializers.IntegerField()
    in_flight = serializers.IntegerField()
    breaker = serializers.CharField()
    reopens_at_ms = serializers.IntegerField(allow_null=True)
    ttft_ewma_ms = serializers.FloatField(allow_null=True)
    success_ewma = serializers.FloatField(allow_null=True)
    success_samples = serializers.IntegerField()
    requests_left = serializers.IntegerField(allow_null=True)
    tokens_left = serializers.IntegerField(allow_null=True)


class DeploymentStateSerializer(serializers.Serializer):
    standing = OperatorStandingSerializer()
    live = LiveSerializer()


class DeploymentState(Endpoint):
    actions = {"GET": "read"}

    @described("How it stands this second", DeploymentStateSerializer, tag=TAG, name="deployments_state")
    def get(self, request: Request, slug: str) -> Response:
        find(Deployment.objects.all(), "deployment", slug=slug)
        standing = standing_document(read_standings().get(slug, Standing()))
        live = read_live().get(slug, LiveReading())
        return Response({"standing": standing, "live": LiveSerializer(live).data})


class DeploymentDrain(Endpoint):
    actions = {"POST": "edit_deployment"}

    @described(
        "Send nothing new there until it is resumed",
        OperatorStandingSerializer,
        takes=OperatorReasonSerializer,
        tag=TAG,
        name="deployments_drain",
    )
    def post(self, request: Request, slug: str) -> Response:
        reason = read_body(request, OperatorReasonSerializer)["reason"]
        return Response(standing_document(drain_deployment(slug, reason=reason, by=actor_of(request))))


class DeploymentCooldown(Endpoint):
    actions = {"POST": "edit_deployment"}

    @described(
        "Send nothing there for some minutes",
        OperatorStandingSerializer,
        takes=CooldownSerializer,
        tag=TAG,
        name="deployments_cooldown",
    )
    def post(self, request: Request, slug: str) -> Response:
        given = read_body(request, CooldownSerializer)
        standing = cool_down_deployment(slug, given["minutes"], reason=given["reason"], by=actor_of(request))
        return Response(standing_document(standing))


class DeploymentResume(Endpoint):
    actions = {"POST": "edit_deployment"}

    @described(
        "End drain and cooldown",
        OperatorStandingSerializer,
        takes=OperatorReasonSerializer,
        tag=TAG,
        name="deployments_resume",
    )
    def post(self, request: Request, slug: str) -> Response:
        reason = read_body(request, OperatorReasonSerializer)["reason"]
        return Response(standing_document(resume_deployment(slug, reason=reason, by=actor_of(request))))
