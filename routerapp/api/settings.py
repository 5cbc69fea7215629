"""/api/settings: what this installation is set to, each with its default and what is allowed."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described
from routerapp.api.fields import DocumentField, StrictSerializer
from routerapp.serving.installation_settings import SETTINGS, change_settings, read_settings
from routerapp.serving.refusals import invalid

TAG = "System"
SHAPE = inline_serializer(
    "Settings",
    {"data": serializers.ListField(child=DocumentField(), help_text="name, value, default, is_set, about, allowed.")},
)


class SettingsChangeSerializer(StrictSerializer):
    """For the schema: any of the names; null goes back to the default."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            name: serializers.JSONField(required=False, allow_null=True, help_text=f"{one.about} {one.allowed}")
            for name, one in SETTINGS.items()
        }


class SettingsView(Endpoint):
    actions = {"GET": "read_system", "PATCH": "edit_settings"}

    @described("What the installation is set to", SHAPE, tag=TAG, name="settings_read")
    def get(self, request: Request) -> Response:
        return _answer()

    @described(
        "Change settings; null goes back to the default",
        SHAPE,
        takes=SettingsChangeSerializer,
        tag=TAG,
        name="settings_edit",
    )
    def patch(self, request: Request) -> Response:
        if not isinstance(request.data, dict):
            raise invalid("", "not_an_object", "Settings are an object of names and values.")
        change_settings(request.data, by=actor_of(request))
        return _answer()


def _answer() -> Response:
    data = [
        {
            "name": one.setting.name,
            "value": one.value,
            "default": one.setting.default,
            "is_set": one.is_set,
            "about": one.setting.about,
            "allowed": one.setting.allowed,
        }
        for one in read_settings()
    ]
    return Response({"data": data})
