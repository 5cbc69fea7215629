"""Lists that grow: newest first, keyset-paged by id. A page says where the next begins; null on the last."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.response import Response

from routerapp.api.fields import StrictSerializer

PAGE_SIZE = 50
LARGEST_PAGE = 200


class PageQuery(StrictSerializer):
    cursor = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_PAGE, default=PAGE_SIZE)


def page_of(rows: QuerySet[Any], shape: type[serializers.Serializer], query: dict[str, Any]) -> Response:
    """Rows with ids below the cursor, newest first."""
    if "cursor" in query:
        rows = rows.filter(pk__lt=query["cursor"])
    found = list(rows.order_by("-pk")[: query["limit"] + 1])
    page = found[: query["limit"]]
    next_cursor = page[-1].pk if len(found) > len(page) else None
    return Response({"data": shape(page, many=True).data, "next_cursor": next_cursor})


def page_shape(shape: type[serializers.Serializer], cursor: serializers.Field | None = None) -> Any:
    """For the schema: a page of this shape."""
    return inline_serializer(
        f"{shape.__name__.removesuffix('Serializer')}Page",
        {"data": shape(many=True), "next_cursor": cursor or serializers.IntegerField(allow_null=True)},
    )


@cache
def list_shape(shape: type[serializers.Serializer]) -> Any:
    """For the schema: a whole list of this shape; one object for all who answer with it."""
    return inline_serializer(f"{shape.__name__.removesuffix('Serializer')}List", {"data": shape(many=True)})
