"""/api/alert-rules: what is watched, from how much on, and who is told."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import AlertKind, AlertRule
from routerapp.serving.alerts import rules
from routerapp.serving.alerts.kinds import MOST_LEAST_REQUESTS, MOST_WINDOW_MINUTES

TAG = "Alerts"


class AlertRuleSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=AlertKind.choices)
    subject = serializers.CharField(allow_blank=True)
    threshold = serializers.FloatField(help_text="A share from 0 to 1, requests, or what the spool's subject counts.")
    window_minutes = serializers.IntegerField()
    least_requests = serializers.IntegerField()
    channels = serializers.SerializerMethodField()
    is_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    def get_channels(self, row: AlertRule) -> list[str]:
        return sorted(channel.slug for channel in row.channels.all())


class AlertRuleFieldsSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    subject = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="Empty for everything, such as policy:support; for spool: lag (seconds), bytes (MiB) or refused (files).",
    )
    threshold = serializers.FloatField(required=False)
    window_minutes = serializers.IntegerField(min_value=1, max_value=MOST_WINDOW_MINUTES, required=False)
    least_requests = serializers.IntegerField(min_value=1, max_value=MOST_LEAST_REQUESTS, required=False)
    channels = serializers.ListField(child=SlugText(), required=False, max_length=50)
    is_enabled = serializers.BooleanField(required=False)


class NewAlertRuleSerializer(AlertRuleFieldsSerializer):
    kind = serializers.ChoiceField(choices=AlertKind.choices)
    name = serializers.CharField(max_length=100)


class AlertRuleList(Endpoint):
    actions = {"GET": "read", "POST": "edit_alerts"}

    @described("Every rule", list_shape(AlertRuleSerializer), tag=TAG, name="alert_rules_list")
    def get(self, request: Request) -> Response:
        return data_of(AlertRuleSerializer, AlertRule.objects.prefetch_related("channels").order_by("name", "pk"))

    @described(
        "A new rule", AlertRuleSerializer, takes=NewAlertRuleSerializer, status=201, tag=TAG, name="alert_rules_add"
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewAlertRuleSerializer)
        row = rules.add_rule(body.pop("kind"), body, by=actor_of(request))
        return Response(AlertRuleSerializer(row).data, status=201)


class AlertRuleDetail(Endpoint):
    actions = {"GET": "read", "PATCH": "edit_alerts", "DELETE": "edit_alerts"}

    @described("One rule", AlertRuleSerializer, tag=TAG, name="alert_rules_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(AlertRuleSerializer(rules.find_rule(slug)).data)

    @described(
        "Change a rule; its kind stays",
        AlertRuleSerializer,
        takes=AlertRuleFieldsSerializer,
        tag=TAG,
        name="alert_rules_edit",
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, AlertRuleFieldsSerializer)
        return Response(AlertRuleSerializer(rules.edit_rule(slug, fields, by=actor_of(request))).data)

    @described("Take a rule away, with its history", None, status=204, tag=TAG, name="alert_rules_remove")
    def delete(self, request: Request, slug: str) -> Response:
        rules.remove_rule(slug, by=actor_of(request))
        return Response(status=204)
