"""/api/deployments/<slug>/prices: US dollars per million tokens, dated; a price holds until the next one starts."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import StrictSerializer, UsdField, UsdText
from routerapp.api.paging import list_shape
from routerapp.models import Deployment
from routerapp.serving import edit_catalog
from routerapp.serving.changes import find

TAG = "Deployments"


class PriceSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    input_usd_per_mtok = UsdField(source="input_nusd_per_mtok")
    output_usd_per_mtok = UsdField(source="output_nusd_per_mtok")
    cached_input_usd_per_mtok = UsdField(source="cached_input_nusd_per_mtok", allow_null=True)
    cache_write_usd_per_mtok = UsdField(source="cache_write_nusd_per_mtok", allow_null=True)
    valid_from = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]


class NewPriceSerializer(StrictSerializer):
    input_usd_per_mtok = UsdText()
    output_usd_per_mtok = UsdText()
    cached_input_usd_per_mtok = UsdText(required=False, allow_null=True)
    cache_write_usd_per_mtok = UsdText(required=False, allow_null=True)
    valid_from = serializers.DateTimeField(required=False)
    source = serializers.CharField(max_length=100, required=False)  # type: ignore[assignment]


class PriceList(Endpoint):
    actions = {"GET": "read", "POST": "edit_price"}

    @described("The prices of a deployment, oldest first", list_shape(PriceSerializer), tag=TAG, name="prices_list")
    def get(self, request: Request, slug: str) -> Response:
        return data_of(PriceSerializer, find(Deployment.objects.all(), "deployment", slug=slug).prices.all())

    @described("Add a price", PriceSerializer, takes=NewPriceSerializer, status=201, tag=TAG, name="prices_create")
    def post(self, request: Request, slug: str) -> Response:
        price = edit_catalog.add_price(slug, by=actor_of(request), **read_body(request, NewPriceSerializer))
        return Response(PriceSerializer(price).data, status=201)


class PriceDetail(Endpoint):
    actions = {"DELETE": "edit_price"}

    @described("Withdraw a price that is not in force yet", None, status=204, tag=TAG, name="prices_withdraw")
    def delete(self, request: Request, slug: str, price_id: int) -> Response:
        edit_catalog.withdraw_price(slug, price_id, by=actor_of(request))
        return Response(status=204)
