"""/api/requests: what was recorded, newest or dearest first, and one request in full. Names and numbers, never prompt text."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import Http404
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import DocumentField, StrictSerializer, UsdField, UsdText
from routerapp.api.paging import LARGEST_PAGE, PAGE_SIZE, page_shape
from routerapp.engine.canonical import canonical_bytes
from routerapp.models import Origin, Status
from routerapp.serving.amounts import optional_usd
from routerapp.store.requests import DEAREST, NEWEST, BadCursor, RequestFilters, list_requests, load_detail

TAG = "Requests"
LISTS = {"model": "models", "deployment": "deployments", "provider": "providers", "status": "statuses", "task": "tasks"}


class RequestRowSerializer(serializers.Serializer):
    """cost_usd null is unpriced or unknown, not free."""

    id = serializers.CharField()
    at_ms = serializers.IntegerField()
    origin = serializers.ChoiceField(choices=Origin.choices)
    status = serializers.ChoiceField(choices=Status.choices)
    http_status = serializers.IntegerField()
    error_code = serializers.CharField(allow_blank=True)
    key = serializers.CharField(allow_blank=True)
    team = serializers.CharField(allow_blank=True)
    requested_model = serializers.CharField()
    policy = serializers.CharField(allow_blank=True)
    policy_version = serializers.IntegerField()
    rule = serializers.CharField(allow_blank=True)
    strategy = serializers.CharField(allow_blank=True)
    model = serializers.CharField(source="language_model", allow_blank=True)
    deployment = serializers.CharField(allow_blank=True)
    provider = serializers.CharField(allow_blank=True)
    experiment = serializers.CharField(allow_blank=True)
    arm = serializers.CharField(allow_blank=True)
    task = serializers.CharField(allow_blank=True)
    language = serializers.CharField(allow_blank=True)
    is_streaming = serializers.BooleanField()
    attempts = serializers.IntegerField()
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    cached_tokens = serializers.IntegerField(allow_null=True)
    is_usage_estimated = serializers.BooleanField()
    cost_nusd = serializers.IntegerField(allow_null=True)
    cost_usd = UsdField(source="cost_nusd", allow_null=True)
    baseline_cost_nusd = serializers.IntegerField(allow_null=True)
    ttft_ms = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    overhead_us = serializers.IntegerField(allow_null=True)
    endpoint = serializers.CharField()
    dialect = serializers.CharField()
    cache = serializers.CharField(allow_blank=True, help_text="hit, miss, or empty where the cache was off")
    saved_nusd = serializers.IntegerField(allow_null=True, help_text="what a cache hit would have cost")
    lost_cache_tokens = serializers.IntegerField(allow_null=True)
    warnings = serializers.CharField(allow_blank=True, help_text="comma-separated codes")


class AttemptSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    role = serializers.CharField()
    retry = serializers.IntegerField()
    at_ms = serializers.IntegerField()
    deployment = serializers.CharField()
    model = serializers.CharField(source="language_model")
    provider = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.choices)
    error_class = serializers.CharField(allow_blank=True)
    error_message = serializers.CharField(allow_blank=True)
    http_status = serializers.IntegerField()
    connect_ms = serializers.IntegerField(allow_null=True)
    ttft_ms = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField()
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    cached_tokens = serializers.IntegerField(allow_null=True)
    is_usage_estimated = serializers.BooleanField()
    input_usd_per_mtok = UsdField(source="input_nusd_per_mtok", allow_null=True)
    output_usd_per_mtok = UsdField(source="output_nusd_per_mtok", allow_null=True)
    cached_input_usd_per_mtok = UsdField(source="cached_input_nusd_per_mtok", allow_null=True)
    cache_write_tokens = serializers.IntegerField(allow_null=True)
    cache_write_usd_per_mtok = UsdField(source="cache_write_nusd_per_mtok", allow_null=True)
    cost_nusd = serializers.IntegerField(allow_null=True)
    finish_reason = serializers.CharField(allow_blank=True)
    warnings = serializers.CharField(allow_blank=True)


class FeedbackSerializer(serializers.Serializer):
    id = serializers.CharField()
    at_ms = serializers.IntegerField()
    kind = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    comment = serializers.CharField(allow_blank=True)
    source = serializers.CharField()  # type: ignore[assignment]


class RequestQuery(StrictSerializer):
    """Lists may be given more than once. from_ms is included, to_ms is not; both are Unix milliseconds."""

    model = serializers.ListField(child=serializers.CharField(max_length=100), max_length=50, required=False)
    deployment = serializers.ListField(child=serializers.CharField(max_length=100), max_length=50, required=False)
    provider = serializers.ListField(child=serializers.CharField(max_length=60), max_length=50, required=False)
    status = serializers.ListField(child=serializers.ChoiceField(choices=Status.choices), required=False)
    task = serializers.ListField(child=serializers.CharField(max_length=20), max_length=50, required=False)
    origin = serializers.ListField(
        child=serializers.ChoiceField(choices=Origin.choices), required=False, help_text="live unless told otherwise"
    )
    policy = serializers.CharField(max_length=60, required=False)
    rule = serializers.CharField(max_length=40, required=False)
    key = serializers.CharField(max_length=60, required=False)
    team = serializers.CharField(max_length=60, required=False)
    cache = serializers.ChoiceField(choices=["hit", "miss"], required=False)
    id = serializers.RegexField(r"^[0-9a-f-]{1,36}\Z", required=False, help_text="the beginning of an id")
    min_cost_usd = UsdText(required=False)
    max_cost_usd = UsdText(required=False)
    from_ms = serializers.IntegerField(min_value=0, max_value=2**53, required=False)
    to_ms = serializers.IntegerField(min_value=0, max_value=2**53, required=False)
    sort = serializers.ChoiceField(choices=[NEWEST, DEAREST], required=False, default=NEWEST)
    cursor = serializers.CharField(max_length=80, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, required=False, default=PAGE_SIZE)


def filters_of(query: dict[str, Any]) -> RequestFilters:
    """The store's filters; traffic of other origins only when asked for."""
    named: dict[str, Any] = {field: tuple(query[name]) for name, field in LISTS.items() if name in query}
    named |= {name: query[name] for name in ("policy", "rule", "key", "team", "cache") if name in query}
    return RequestFilters(
        **named,
        origins=tuple(query.get("origin", [Origin.LIVE])),
        min_cost_nusd=optional_usd(query.get("min_cost_usd"), "min_cost_usd"),
        max_cost_nusd=optional_usd(query.get("max_cost_usd"), "max_cost_usd"),
        from_ms=query.get("from_ms"),
        to_ms=query.get("to_ms"),
        id_text=query.get("id", ""),
    )


class RequestList(Endpoint):
    actions = {"GET": "read"}

    @described(
        "Recorded requests, keyset-paged",
        page_shape(RequestRowSerializer, serializers.CharField(allow_null=True)),
        query=RequestQuery,
        tag=TAG,
        name="requests_list",
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, RequestQuery)
        try:
            page = list_requests(filters_of(query), query["sort"], query.get("cursor"), query["limit"])
        except BadCursor as error:
            raise ValidationError({"cursor": str(error)}, code="bad_cursor") from error
        return Response({"data": RequestRowSerializer(page.rows, many=True).data, "next_cursor": page.next_cursor})


class RequestDetail(Endpoint):
    actions = {"GET": "read"}

    @described(
        "One request: attempts, feedback, the decision with its trace and what it was given",
        inline_serializer(
            "RequestDetail",
            {
                "request": RequestRowSerializer(),
                "attempts": AttemptSerializer(many=True),
                "feedback": FeedbackSerializer(many=True),
                "decision": DocumentField(allow_null=True),
                "inputs": DocumentField(allow_null=True),
                "has_chat": serializers.BooleanField(),
                "has_answer": serializers.BooleanField(),
            },
        ),
        tag=TAG,
        name="requests_read",
    )
    def get(self, request: Request, request_id: str) -> Response:
        detail = load_detail(request_id)
        if detail is None:
            raise Http404
        return Response(
            {
                "request": RequestRowSerializer(detail.row).data,
                "attempts": AttemptSerializer(detail.attempts, many=True).data,
                "feedback": FeedbackSerializer(detail.feedback, many=True).data,
                "decision": _plain(detail.decision),
                "inputs": _plain(detail.recorded),
                "has_chat": detail.has_chat,
                "has_answer": detail.has_answer,
            }
        )


def _plain(value: Any) -> Any:
    """A recorded value as plain JSON, in its recorded form."""
    return None if value is None else msgspec.json.decode(canonical_bytes(value))
