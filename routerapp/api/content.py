"""/api/requests/<id>/content and /api/content: what a policy keeps of prompts and answers, redacted; reading and deleting it."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import Http404
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import DocumentField, StrictSerializer
from routerapp.serving.purge_content import purge_content
from routerapp.store.requests import load_body, request_exists

TAG = "Requests"


class PurgeQuery(StrictSerializer):
    policy = serializers.SlugField(max_length=60, required=False, help_text="of this policy only; all without it")


class RequestContent(Endpoint):
    actions = {"GET": "read_content"}

    @described(
        "What was kept of a prompt and its answer, redacted; null where nothing was",
        inline_serializer(
            "RequestContent", {"chat": DocumentField(allow_null=True), "answer": DocumentField(allow_null=True)}
        ),
        tag=TAG,
        name="requests_content",
    )
    def get(self, request: Request, request_id: str) -> Response:
        if not request_exists(request_id):
            raise Http404
        chat, answer = load_body(request_id)
        return Response({"chat": _document(chat), "answer": _document(answer)})


class Content(Endpoint):
    actions = {"DELETE": "purge_content"}

    @described(
        "Delete kept content before its time",
        inline_serializer("ContentPurged", {"deleted": serializers.IntegerField()}),
        query=PurgeQuery,
        tag=TAG,
        name="content_purge",
    )
    def delete(self, request: Request) -> Response:
        query = read_query(request, PurgeQuery)
        return Response({"deleted": purge_content(query.get("policy", ""), by=actor_of(request))})


def _document(raw: bytes | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)
