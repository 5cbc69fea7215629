"""/api/alert-incidents and /api/alert-messages: what was wrong and when, and what became of telling it."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import DocumentField, SlugText
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.models import AlertIncident, AlertMessage
from routerapp.serving.alerts.rules import retry_message
from routerapp.serving.alerts.words import incident_words
from routerapp.serving.changes import find

TAG = "Alerts"


class AlertMessageSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    channel = serializers.CharField(source="channel.slug")
    event = serializers.ChoiceField(choices=["opened", "closed"])
    attempts = serializers.IntegerField()
    sent_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True, help_text="null and not sent: it was given up.")
    error = serializers.CharField(
        allow_blank=True, help_text="Why it was not taken; of one that was, who was left out."
    )


class AlertIncidentSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    rule = serializers.CharField(source="rule.slug")
    kind = serializers.CharField(source="rule.kind")
    subject = serializers.CharField(allow_blank=True)
    value = serializers.FloatField(help_text="At its worst.")
    message = serializers.SerializerMethodField(help_text="What is or was wrong, in words.")
    detail = DocumentField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    messages = AlertMessageSerializer(many=True)

    def get_message(self, row: AlertIncident) -> str:
        return incident_words(row)


class AlertIncidentQuery(PageQuery):
    rule = SlugText(required=False)
    is_open = serializers.BooleanField(required=False, allow_null=True, default=None)


class AlertIncidentList(Endpoint):
    actions = {"GET": "read"}

    @described(
        "Incidents, newest first",
        page_shape(AlertIncidentSerializer),
        query=AlertIncidentQuery,
        tag=TAG,
        name="alert_incidents_list",
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, AlertIncidentQuery)
        rows = _rows()
        if "rule" in query:
            rows = rows.filter(rule__slug=query["rule"])
        if query["is_open"] is not None:
            rows = rows.filter(closed_at__isnull=query["is_open"])
        return page_of(rows, AlertIncidentSerializer, query)


class AlertIncidentDetail(Endpoint):
    actions = {"GET": "read"}

    @described("One incident", AlertIncidentSerializer, tag=TAG, name="alert_incidents_read")
    def get(self, request: Request, incident_id: int) -> Response:
        return Response(AlertIncidentSerializer(find(_rows(), "incident", pk=incident_id)).data)


class AlertMessageRetry(Endpoint):
    actions = {"POST": "edit_alerts"}

    @described("Begin anew with one that was given up", AlertMessageSerializer, tag=TAG, name="alert_messages_retry")
    def post(self, request: Request, message_id: int) -> Response:
        message: AlertMessage = retry_message(message_id, by=actor_of(request))
        return Response(AlertMessageSerializer(message).data)


def _rows() -> QuerySet[AlertIncident]:
    return AlertIncident.objects.select_related("rule").prefetch_related("messages__channel")
