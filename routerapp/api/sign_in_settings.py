"""/api/sign-in-settings: whether a second factor and whether passwords, and how long a session lasts."""

from __future__ import annotations

from dataclasses import asdict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import StrictSerializer
from routerapp.serving.sign_in_settings import LIMITS, change_sign_in_settings, read_sign_in_settings

TAG = "People"


def _whole(name: str, required: bool) -> serializers.IntegerField:
    low, high = LIMITS[name]
    return serializers.IntegerField(min_value=low, max_value=high, required=required)


class SignInSettingsSerializer(serializers.Serializer):
    require_2fa = serializers.BooleanField()
    passwords = serializers.BooleanField(help_text="Off needs an admin of the OpenID provider.")
    idle_hours = _whole("idle_hours", True)
    most_days = _whole("most_days", True)


class SignInSettingsChangeSerializer(StrictSerializer):
    require_2fa = serializers.BooleanField(required=False)
    passwords = serializers.BooleanField(required=False)
    idle_hours = _whole("idle_hours", False)
    most_days = _whole("most_days", False)


class SignInSettingsView(Endpoint):
    actions = {"GET": "read_people", "PATCH": "edit_settings"}

    @described("How people sign in", SignInSettingsSerializer, tag=TAG, name="sign_in_settings_read")
    def get(self, request: Request) -> Response:
        return Response(asdict(read_sign_in_settings()))

    @described(
        "Change how people sign in",
        SignInSettingsSerializer,
        takes=SignInSettingsChangeSerializer,
        tag=TAG,
        name="sign_in_settings_edit",
    )
    def patch(self, request: Request) -> Response:
        changes = read_body(request, SignInSettingsChangeSerializer)
        return Response(asdict(change_sign_in_settings(changes, by=actor_of(request))))
