"""/api/policies/<slug>/drafts: documents people edit. A save or publish names the revision it saw; another one there means 409."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body, read_query
from routerapp.api.fields import DocumentField, ErrorDetailSerializer, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.api.policies import policy_row
from routerapp.api.versions import VersionSerializer
from routerapp.models import Draft
from routerapp.serving import publish_policy
from routerapp.serving.changes import find

TAG = "Drafts"
MAX_REVISION = 2**31 - 1


class DraftSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    policy = serializers.CharField(source="policy.slug")
    name = serializers.CharField()
    base_version = serializers.IntegerField(help_text="The version that was live when it began; 0 for none.")
    revision = serializers.IntegerField()
    updated_by = serializers.CharField(source="updated_by.username", default=None, allow_null=True)
    updated_at = serializers.DateTimeField()
    document = DocumentField()


class NewDraftSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    from_version = serializers.IntegerField(min_value=1, max_value=MAX_REVISION, required=False)


class RevisionSerializer(StrictSerializer):
    revision = serializers.IntegerField(min_value=1, max_value=MAX_REVISION)


class SavedDraftSerializer(RevisionSerializer):
    document = DocumentField()
    name = serializers.CharField(max_length=100, required=False)


class PublishSerializer(RevisionSerializer):
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DiscardQuery(StrictSerializer):
    revision = serializers.IntegerField(min_value=1, max_value=MAX_REVISION, required=False)


class ChecksSerializer(serializers.Serializer):
    publishable = serializers.BooleanField()
    problems = ErrorDetailSerializer(many=True)


def draft_row(slug: str, draft_id: int) -> Draft:
    """The draft of this policy; another policy's draft is not here."""
    rows = policy_row(slug).drafts.select_related("policy", "updated_by")
    return find(rows, f"draft of {slug}", pk=draft_id)


class DraftList(Endpoint):
    actions = {"GET": "read", "POST": "edit_draft"}

    @described("The drafts of a policy", list_shape(DraftSerializer), tag=TAG, name="drafts_list")
    def get(self, request: Request, slug: str) -> Response:
        return data_of(DraftSerializer, policy_row(slug).drafts.select_related("policy", "updated_by").order_by("pk"))

    @described(
        "Start a draft from the live or another version",
        DraftSerializer,
        takes=NewDraftSerializer,
        status=201,
        tag=TAG,
        name="drafts_create",
    )
    def post(self, request: Request, slug: str) -> Response:
        body = read_body(request, NewDraftSerializer)
        draft = publish_policy.create_draft(slug, by=actor_of(request), **body)
        return Response(DraftSerializer(draft).data, status=201)


class DraftDetail(Endpoint):
    actions = {"GET": "read", "PUT": "edit_draft", "DELETE": "edit_draft"}

    @described("One draft with its document", DraftSerializer, tag=TAG, name="drafts_read")
    def get(self, request: Request, slug: str, draft_id: int) -> Response:
        return Response(DraftSerializer(draft_row(slug, draft_id)).data)

    @described(
        "Save the document over the revision you saw",
        DraftSerializer,
        takes=SavedDraftSerializer,
        tag=TAG,
        name="drafts_save",
    )
    def put(self, request: Request, slug: str, draft_id: int) -> Response:
        body = read_body(request, SavedDraftSerializer)
        draft = publish_policy.save_draft(
            draft_row(slug, draft_id).pk,
            body["document"],
            expected_revision=body["revision"],
            name=body.get("name"),
            by=actor_of(request),
        )
        return Response(DraftSerializer(draft).data)

    @described("Discard a draft", None, query=DiscardQuery, status=204, tag=TAG, name="drafts_discard")
    def delete(self, request: Request, slug: str, draft_id: int) -> Response:
        revision = read_query(request, DiscardQuery).get("revision")
        publish_policy.discard_draft(draft_row(slug, draft_id).pk, expected_revision=revision, by=actor_of(request))
        return Response(status=204)


class DraftPublish(Endpoint):
    actions = {"POST": "publish_policy"}

    @described(
        "Make the draft the live version",
        VersionSerializer,
        takes=PublishSerializer,
        status=201,
        tag=TAG,
        name="drafts_publish",
    )
    def post(self, request: Request, slug: str, draft_id: int) -> Response:
        body = read_body(request, PublishSerializer)
        version = publish_policy.publish_draft(
            draft_row(slug, draft_id).pk, expected_revision=body["revision"], note=body["note"], by=actor_of(request)
        )
        return Response(VersionSerializer(version).data, status=201)


class DraftRebase(Endpoint):
    actions = {"POST": "edit_draft"}

    @described(
        "Accept what was published meanwhile as the draft's base",
        DraftSerializer,
        takes=RevisionSerializer,
        tag=TAG,
        name="drafts_rebase",
    )
    def post(self, request: Request, slug: str, draft_id: int) -> Response:
        revision = read_body(request, RevisionSerializer)["revision"]
        draft = publish_policy.rebase_draft(
            draft_row(slug, draft_id).pk, expected_revision=revision, by=actor_of(request)
        )
        return Response(DraftSerializer(draft).data)


class DraftChecks(Endpoint):
    actions = {"GET": "read"}

    @described("What publishing would refuse right now", ChecksSerializer, tag=TAG, name="drafts_check")
    def get(self, request: Request, slug: str, draft_id: int) -> Response:
        problems = publish_policy.check_draft(draft_row(slug, draft_id).pk, by=actor_of(request))
        return Response(ChecksSerializer({"publishable": not problems, "problems": problems}).data)
