"""/api/policies/<slug>/versions: published documents, immutable, and rolling back to one."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import DocumentField, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.api.policies import policy_row
from routerapp.serving import publish_policy
from routerapp.serving.changes import find

TAG = "Versions"


class VersionHeadSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    sha256 = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    published_by = serializers.CharField(source="published_by.username", default=None, allow_null=True)
    published_at = serializers.DateTimeField()
    rolled_back_from = serializers.IntegerField(
        allow_null=True, help_text="The version whose document this one restored."
    )


class VersionSerializer(VersionHeadSerializer):
    document = DocumentField()


class RollBackSerializer(StrictSerializer):
    """live: the version you believe is live; another one live means 409."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    live = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class VersionList(Endpoint):
    actions = {"GET": "read"}

    @described("Every version, newest first", list_shape(VersionHeadSerializer), tag=TAG, name="versions_list")
    def get(self, request: Request, slug: str) -> Response:
        rows = policy_row(slug).versions.select_related("published_by").defer("document")
        return data_of(VersionHeadSerializer, rows)


class VersionDetail(Endpoint):
    actions = {"GET": "read"}

    @described("One version with its document", VersionSerializer, tag=TAG, name="versions_read")
    def get(self, request: Request, slug: str, number: int) -> Response:
        rows = policy_row(slug).versions.select_related("published_by")
        return Response(VersionSerializer(find(rows, f"version of {slug}", number=number)).data)


class RollBack(Endpoint):
    actions = {"POST": "roll_back_policy"}

    @described(
        "Publish an old version's document as a new version",
        VersionSerializer,
        takes=RollBackSerializer,
        status=201,
        tag=TAG,
        name="policies_roll_back",
    )
    def post(self, request: Request, slug: str) -> Response:
        body = read_body(request, RollBackSerializer)
        version = publish_policy.roll_back(
            slug, body["version"], note=body["note"], expected_live=body.get("live"), by=actor_of(request)
        )
        return Response(VersionSerializer(version).data, status=201)
