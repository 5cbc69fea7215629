"""/api/audit: who changed what, newest first, and whether the chain is whole."""

from __future__ import annotations

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import DocumentField
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.models import AuditEvent
from routerapp.serving.audit import verify_chain

TAG = "Audit"


class AuditEventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    actor_kind = serializers.CharField()
    action = serializers.CharField()
    subject = serializers.CharField()
    before = DocumentField(allow_null=True)
    after = DocumentField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_blank=True)
    hash = serializers.CharField()


class AuditQuery(PageQuery):
    action = serializers.CharField(max_length=60, required=False)
    actor = serializers.CharField(max_length=150, required=False)
    subject = serializers.CharField(max_length=150, required=False)


class AuditList(Endpoint):
    actions = {"GET": "read_audit"}

    @described(
        "Audit events, newest first", page_shape(AuditEventSerializer), query=AuditQuery, tag=TAG, name="audit_list"
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, AuditQuery)
        where = {name: query[name] for name in ("action", "actor", "subject") if name in query}
        return page_of(AuditEvent.objects.filter(**where), AuditEventSerializer, query)


class AuditCheck(Endpoint):
    actions = {"GET": "read_audit"}

    @described(
        "Whether every event still fits the one before it",
        inline_serializer(
            "AuditCheck",
            {"is_whole": serializers.BooleanField(), "first_broken_id": serializers.IntegerField(allow_null=True)},
        ),
        tag=TAG,
        name="audit_check",
    )
    def get(self, request: Request) -> Response:
        broken = verify_chain()
        return Response({"is_whole": broken is None, "first_broken_id": broken})
