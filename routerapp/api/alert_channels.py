"""/api/alert-channels: where alerts are told. Addresses of webhooks are shown by host alone; secrets go in and never come out."""

from __future__ import annotations

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import AlertChannel, AlertChannelKind
from routerapp.serving.alerts import channels

TAG = "Alerts"


class AlertChannelSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=AlertChannelKind.choices)
    address = serializers.SerializerMethodField(help_text="Of a webhook only the host: its path may be a secret.")
    is_signed = serializers.SerializerMethodField()
    is_enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    def get_address(self, row: AlertChannel) -> str:
        return channels.shown_address(row)

    def get_is_signed(self, row: AlertChannel) -> bool:
        return bool(row.ciphertext)


class AlertChannelFieldsSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    address = serializers.CharField(
        max_length=500, required=False, help_text="A URL, or e-mail addresses separated by commas."
    )
    is_enabled = serializers.BooleanField(required=False)


class SecretSerializer(StrictSerializer):
    secret = serializers.CharField(
        max_length=channels.LONGEST_SECRET,
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text="What webhooks are signed with; empty for no signature.",
    )


class NewAlertChannelSerializer(AlertChannelFieldsSerializer):
    kind = serializers.ChoiceField(choices=AlertChannelKind.choices)
    name = serializers.CharField(max_length=100)
    address = serializers.CharField(max_length=500)
    secret = serializers.CharField(
        max_length=channels.LONGEST_SECRET, allow_blank=True, required=False, trim_whitespace=False, write_only=True
    )


class AlertChannelList(Endpoint):
    actions = {"GET": "read", "POST": "edit_alerts"}

    @described("Every channel", list_shape(AlertChannelSerializer), tag=TAG, name="alert_channels_list")
    def get(self, request: Request) -> Response:
        return data_of(AlertChannelSerializer, AlertChannel.objects.order_by("name"))

    @described(
        "A new channel",
        AlertChannelSerializer,
        takes=NewAlertChannelSerializer,
        status=201,
        tag=TAG,
        name="alert_channels_add",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewAlertChannelSerializer)
        row = channels.add_channel(body.pop("kind"), body, body.pop("secret", ""), by=actor_of(request))
        return Response(AlertChannelSerializer(row).data, status=201)


class AlertChannelDetail(Endpoint):
    actions = {"GET": "read", "PATCH": "edit_alerts", "DELETE": "edit_alerts"}

    @described("One channel", AlertChannelSerializer, tag=TAG, name="alert_channels_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(AlertChannelSerializer(channels.find_channel(slug)).data)

    @described(
        "Change a channel; an address on another host drops its secret",
        AlertChannelSerializer,
        takes=AlertChannelFieldsSerializer,
        tag=TAG,
        name="alert_channels_edit",
    )
    def patch(self, request: Request, slug: str) -> Response:
        fields = read_body(request, AlertChannelFieldsSerializer)
        return Response(AlertChannelSerializer(channels.edit_channel(slug, fields, by=actor_of(request))).data)

    @described("Take a channel away", None, status=204, tag=TAG, name="alert_channels_remove")
    def delete(self, request: Request, slug: str) -> Response:
        channels.remove_channel(slug, by=actor_of(request))
        return Response(status=204)


class AlertChannelSecret(Endpoint):
    actions = {"PUT": "edit_alerts"}

    @described(
        "Sign with another secret from now on",
        AlertChannelSerializer,
        takes=SecretSerializer,
        tag=TAG,
        name="alert_channels_secret",
    )
    def put(self, request: Request, slug: str) -> Response:
        secret = read_body(request, SecretSerializer)["secret"]
        return Response(AlertChannelSerializer(channels.set_secret(slug, secret, by=actor_of(request))).data)


class AlertChannelTest(Endpoint):
    actions = {"POST": "edit_alerts"}

    @described(
        "Send a test message now",
        inline_serializer("AlertTest", {"is_taken": serializers.BooleanField(), "message": serializers.CharField()}),
        tag=TAG,
        name="alert_channels_test",
    )
    def post(self, request: Request, slug: str) -> Response:
        found = channels.send_test_message(slug, by=actor_of(request))
        return Response({"is_taken": found.is_taken, "message": found.words})
