"""/api/price-import, /api/repricings, /api/unpriced: prices of the package beside ours, recorded costs beside today's prices."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer, UsdField
from routerapp.api.jobs import JobSerializer
from routerapp.api.paging import list_shape
from routerapp.api.prices import PriceSerializer
from routerapp.models import Origin
from routerapp.serving.import_prices import MOST_AT_ONCE, import_prices
from routerapp.serving.refusals import invalid
from routerapp.serving.reprice_history import apply_repricing, preview_repricing
from routerapp.store.package_prices import Comparison, compare_prices
from routerapp.store.unpriced import find_unpriced

TAG = "Prices"


class RatesSerializer(serializers.Serializer):
    input_usd_per_mtok = UsdField(source="input_nusd_per_mtok")
    output_usd_per_mtok = UsdField(source="output_nusd_per_mtok")
    cached_input_usd_per_mtok = UsdField(source="cached_input_nusd_per_mtok", allow_null=True)
    cache_write_usd_per_mtok = UsdField(source="cache_write_nusd_per_mtok", allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]


class ComparisonSerializer(serializers.Serializer):
    deployment = serializers.CharField()
    provider = serializers.CharField()
    upstream_model = serializers.CharField()
    state = serializers.ChoiceField(choices=["same", "differs", "new", "unmatched"])
    matched = serializers.SerializerMethodField(
        help_text="provider/model of the package; null: nothing matches exactly"
    )
    current = RatesSerializer(allow_null=True)
    listed = RatesSerializer(allow_null=True)
    reason = serializers.CharField(allow_blank=True)

    def get_matched(self, row: Comparison) -> str | None:
        return row.match.name if row.match else None


class ChosenSerializer(StrictSerializer):
    deployment = SlugText()
    model = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="provider/model of the package; empty: as matched"
    )


class ImportSerializer(StrictSerializer):
    deployments = serializers.ListField(child=ChosenSerializer(), max_length=MOST_AT_ONCE)


class RepricingSerializer(StrictSerializer):
    deployment = SlugText()
    from_ms = serializers.IntegerField(min_value=0, max_value=10**15)
    to_ms = serializers.IntegerField(min_value=1, max_value=10**15)


class UnpricedSerializer(serializers.Serializer):
    deployment = serializers.CharField()
    attempts = serializers.IntegerField()
    tokens = serializers.IntegerField()
    is_least = serializers.BooleanField(help_text="there may be more tokens")
    since_ms = serializers.IntegerField()
    is_priced = serializers.BooleanField(help_text="has a price now, so the record can be re-priced")


class PriceImport(Endpoint):
    actions = {"GET": "read", "POST": "edit_price"}

    @described(
        "Our prices beside the package's", list_shape(ComparisonSerializer), tag=TAG, name="price_import_preview"
    )
    def get(self, request: Request) -> Response:
        return data_of(ComparisonSerializer, compare_prices(timezone.now()))

    @described(
        "Take the package's prices for these, from now on, all or none",
        list_shape(PriceSerializer),
        takes=ImportSerializer,
        status=201,
        tag=TAG,
        name="price_import_apply",
    )
    def post(self, request: Request) -> Response:
        rows: list[dict[str, Any]] = read_body(request, ImportSerializer)["deployments"]
        chosen = {row["deployment"]: row.get("model", "") for row in rows}
        if len(chosen) < len(rows):
            raise invalid("deployments", "twice", "A deployment is named twice.")
        added = import_prices(chosen, by=actor_of(request))
        return Response({"data": PriceSerializer(added, many=True).data}, status=201)


class RepricingList(Endpoint):
    actions = {"POST": "edit_price"}

    @described(
        "Work out what re-pricing would change: a job, its result is the difference",
        JobSerializer,
        takes=RepricingSerializer,
        status=202,
        tag=TAG,
        name="repricings_preview",
    )
    def post(self, request: Request) -> Response:
        given = read_body(request, RepricingSerializer)
        job = preview_repricing(given["deployment"], given["from_ms"], given["to_ms"], by=actor_of(request))
        return Response(JobSerializer(job).data, status=202)


class RepricingApply(Endpoint):
    actions = {"POST": "edit_price"}

    @described(
        "Re-price what this finished preview has shown: a job",
        JobSerializer,
        status=202,
        tag=TAG,
        name="repricings_apply",
    )
    def post(self, request: Request, job_id: int) -> Response:
        return Response(JobSerializer(apply_repricing(job_id, by=actor_of(request))).data, status=202)


class UnpricedList(Endpoint):
    actions = {"GET": "read"}

    @described(
        "Deployments with traffic of unknown cost, of 90 days",
        list_shape(UnpricedSerializer),
        tag=TAG,
        name="unpriced_list",
    )
    def get(self, request: Request) -> Response:
        return data_of(UnpricedSerializer, find_unpriced(timezone.now(), (Origin.LIVE.value,)))
