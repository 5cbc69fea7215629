"""Limits of keys, teams and end users as the API shows and takes them, and how their owners stand against them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from routerapp.api.fields import StrictSerializer, UsdField, UsdText
from routerapp.serving.allowance_fields import WHOLE_NUMBERS


class AllowanceSerializer(serializers.Serializer):
    """null is no limit."""

    requests_per_minute = serializers.IntegerField(allow_null=True)
    tokens_per_minute = serializers.IntegerField(allow_null=True)
    max_parallel = serializers.IntegerField(allow_null=True, help_text="Requests at the same time.")
    daily_spend_usd = UsdField(source="daily_spend_nusd", allow_null=True)
    monthly_spend_usd = UsdField(source="monthly_spend_nusd", allow_null=True)
    is_exact = serializers.BooleanField(
        help_text="Where several processes share limits, each request asks all of them."
    )


def _whole(name: str) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=WHOLE_NUMBERS[name], required=False, allow_null=True)


class AllowanceFieldsSerializer(StrictSerializer):
    requests_per_minute = _whole("requests_per_minute")
    tokens_per_minute = _whole("tokens_per_minute")
    max_parallel = _whole("max_parallel")
    daily_spend_usd = UsdText(required=False, allow_null=True)
    monthly_spend_usd = UsdText(required=False, allow_null=True)
    is_exact = serializers.BooleanField(required=False)


class StandingSerializer(serializers.Serializer):
    """Spend of this UTC day and month; held is of requests that run now, null where no worker says."""

    day_usd = UsdField(source="day_nusd")
    month_usd = UsdField(source="month_nusd")
    day_held_usd = UsdField(source="day_held_nusd", allow_null=True)
    month_held_usd = UsdField(source="month_held_nusd", allow_null=True)
    in_flight = serializers.IntegerField(allow_null=True)
    requests = serializers.IntegerField(help_text="Of this month.")
    unpriced = serializers.IntegerField(help_text="Of these, how many have a cost that nobody knows.")


def with_spend(shown: dict[str, Any], standing: Any) -> dict[str, Any]:
    return {**shown, "spend": StandingSerializer(standing).data}
