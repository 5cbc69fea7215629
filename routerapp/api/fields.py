"""Serializers that refuse what they do not know, and the few field types of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from routerapp.engine.money import format_usd


class StrictSerializer(serializers.Serializer):
    """An unknown name is an error, not noise: a misspelt field must not be dropped in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [name for name, field in self.fields.items() if not field.read_only]
            allowed = f"Allowed: {', '.join(known)}." if known else "None is."
            words = serializers.ErrorDetail(f"This field is not known here. {allowed}", code="unknown_field")
            unknown = {str(name): words for name in data if name not in known}
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class SlugText(serializers.CharField):
    """A slug as input; the use case judges its form."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, **options)


@extend_schema_field({"type": "object", "additionalProperties": True})
class DocumentField(serializers.JSONField):
    """Any JSON object; what is in it is judged by the engine."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("This is an object.", code="not_an_object")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.STR)
class UsdField(serializers.Field):
    """Integer nano-dollars as exact decimal text in US dollars; null is unknown. Read only: input is plain text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: int) -> str:
        return format_usd(value)


class UsdText(serializers.CharField):
    """An amount in US dollars as decimal text; a JSON number is taken as it is written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=30, help_text="US dollars as decimal text, such as 2.50.", **options)


class ErrorDetailSerializer(serializers.Serializer):
    path = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorBodySerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    details = ErrorDetailSerializer(many=True)
    current_revision = serializers.IntegerField(required=False, allow_null=True)


class ErrorSerializer(serializers.Serializer):
    """Every answer that is not 2xx."""

    error = ErrorBodySerializer()
