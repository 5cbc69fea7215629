"""/api/audit: who changed what, newest first, and whether the chain is whole."""

from __future__ import annotations

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import DocumentField
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.serving.audit import check_chain
from routerapp.store.audit_log import AuditFilters, filtered

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
    subject = serializers.CharField(
        max_length=150, required=False, help_text="From its start: policy: is every policy."
    )
    start = serializers.DateTimeField(required=False, help_text="From this instant on.")
    end = serializers.DateTimeField(required=False, help_text="Before this instant.")


class AuditList(Endpoint):
    actions = {"GET": "read_audit"}

    @described(
        "Audit events, newest first", page_shape(AuditEventSerializer), query=AuditQuery, tag=TAG, name="audit_list"
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, AuditQuery)
        names = ("action", "actor", "subject", "start", "end")
        filters = AuditFilters(**{name: query[name] for name in names if name in query})
        return page_of(filtered(filters), AuditEventSerializer, query)


class AuditCheck(Endpoint):
    actions = {"GET": "read_audit"}

    @described(
        "Whether every event still fits the one before it",
        inline_serializer(
            "AuditCheck",
            {
                "is_whole": serializers.BooleanField(),
                "first_broken_id": serializers.IntegerField(allow_null=True),
                "events": serializers.IntegerField(),
                "head": serializers.CharField(
                    allow_null=True, help_text="id:hash of the newest event; keep it elsewhere"
                ),
                "reason": serializers.CharField(allow_blank=True),
            },
        ),
        tag=TAG,
        name="audit_check",
    )
    def get(self, request: Request) -> Response:
        check = check_chain()
        return Response(
            {
                "is_whole": check.is_whole,
                "first_broken_id": check.broken_id,
                "events": check.events,
                "head": check.head,
                "reason": check.reason,
            }
        )
