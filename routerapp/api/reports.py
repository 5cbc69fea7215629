"""/api/reports/overview: the numbers behind the dashboard's overview, from rollups. Money is integer nano-dollars and decimal text."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import StrictSerializer, UsdField
from routerapp.models import Origin
from routerapp.store.config_document import unix_ms
from routerapp.store.overview import overview
from routerapp.store.reports import Filters, Range

TAG = "Reports"
DAY_MS = 86_400_000
LONGEST_MS = 3 * 366 * DAY_MS


class SuccessSerializer(serializers.Serializer):
    """share = ok of judged; null when nothing was judged."""

    ok = serializers.IntegerField()
    judged = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class PercentilesSerializer(serializers.Serializer):
    """Milliseconds, null without samples."""

    samples = serializers.IntegerField()
    p50 = serializers.FloatField(source="p50_ms", allow_null=True)
    p95 = serializers.FloatField(source="p95_ms", allow_null=True)


class CostSerializer(serializers.Serializer):
    cost_nusd = serializers.IntegerField()
    cost_usd = UsdField(source="cost_nusd")


class TotalsSerializer(CostSerializer):
    requests = serializers.IntegerField()
    unpriced = serializers.IntegerField(source="unpriced_n")
    estimated = serializers.IntegerField(source="estimated_n")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    baseline_requests = serializers.IntegerField(source="baseline_n")
    baseline_cost_nusd = serializers.IntegerField()
    saved_nusd = serializers.IntegerField()
    saved_share = serializers.FloatField(allow_null=True)
    cache_hits = serializers.IntegerField(source="cache_hit_n")
    cache_saved_nusd = serializers.IntegerField()
    moved_units = serializers.IntegerField(source="moved_n")
    lost_cache_tokens = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    success = SuccessSerializer()
    latency_ms = PercentilesSerializer(source="latency")
    ttft_ms = PercentilesSerializer(source="ttft")


class ModelReportSerializer(CostSerializer):
    model = serializers.CharField(source="language_model")
    attempts = serializers.IntegerField()
    unpriced = serializers.IntegerField(source="unpriced_n")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    success = SuccessSerializer()
    errors_by_class = serializers.DictField(source="errors", child=serializers.IntegerField())
    latency_ms = PercentilesSerializer(source="latency")
    ttft_ms = PercentilesSerializer(source="ttft")


class TotalPointSerializer(CostSerializer):
    starts_at_ms = serializers.IntegerField()
    requests = serializers.IntegerField()
    saved_nusd = serializers.IntegerField()
    cache_hits = serializers.IntegerField(source="cache_hit_n")
    cache_saved_nusd = serializers.IntegerField()
    success = SuccessSerializer()
    latency_ms = PercentilesSerializer(source="latency")
    ttft_ms = PercentilesSerializer(source="ttft")


class ModelPointSerializer(CostSerializer):
    starts_at_ms = serializers.IntegerField()
    attempts = serializers.IntegerField(source="requests")
    success = SuccessSerializer()
    latency_ms = PercentilesSerializer(source="latency")


class RuleHitsSerializer(CostSerializer):
    policy = serializers.CharField()
    policy_version = serializers.IntegerField()
    rule = serializers.CharField()
    requests = serializers.IntegerField()
    success = SuccessSerializer()


class OverviewSerializer(serializers.Serializer):
    starts_at_ms = serializers.IntegerField()
    ends_at_ms = serializers.IntegerField()
    step_ms = serializers.IntegerField()
    totals = TotalsSerializer()
    models = ModelReportSerializer(many=True)
    over_time = TotalPointSerializer(many=True)
    by_model = serializers.DictField(child=ModelPointSerializer(many=True))
    rules = RuleHitsSerializer(many=True)


class OverviewQuery(StrictSerializer):
    """The last 24 hours unless told otherwise. from_ms is included, to_ms is not."""

    from_ms = serializers.IntegerField(min_value=0, max_value=2**53, required=False)
    to_ms = serializers.IntegerField(min_value=0, max_value=2**53, required=False)
    origin = serializers.ListField(
        child=serializers.ChoiceField(choices=Origin.choices), required=False, help_text="live unless told otherwise"
    )
    policy = serializers.CharField(max_length=60, required=False)
    rule = serializers.CharField(max_length=40, required=False)
    key = serializers.CharField(max_length=60, required=False)
    team = serializers.CharField(max_length=60, required=False)
    task = serializers.CharField(max_length=20, required=False)
    model = serializers.CharField(max_length=100, required=False)


class Overview(Endpoint):
    actions = {"GET": "read"}

    @described(
        "Requests, cost, savings, success and latency of a range",
        OverviewSerializer,
        query=OverviewQuery,
        tag=TAG,
        name="reports_overview",
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, OverviewQuery)
        filters = Filters(
            origins=tuple(query.get("origin", [Origin.LIVE])),
            language_model=query.get("model", ""),
            **{name: query[name] for name in ("policy", "rule", "key", "team", "task") if name in query},
        )
        return Response(OverviewSerializer(overview(_span(query), filters)).data)


def _span(query: dict[str, Any]) -> Range:
    ends = query.get("to_ms", unix_ms(timezone.now()) + 1)
    starts = query.get("from_ms", max(0, ends - DAY_MS))
    if not 0 < ends - starts <= LONGEST_MS:
        raise ValidationError(
            {"from_ms": "A range ends after it starts and spans at most three years."}, code="bad_range"
        )
    return Range(starts, ends)
