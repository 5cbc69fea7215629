"""/api/policies: the policies themselves. Versions and drafts are beside."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import DocumentField, SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Policy
from routerapp.serving import publish_policy
from routerapp.serving.changes import find
from routerapp.serving.policy_templates import TEMPLATES

TAG = "Policies"


class PolicySerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    live_version = serializers.IntegerField(source="live_version.number", default=None, allow_null=True)
    is_default = serializers.BooleanField()
    is_sample = serializers.BooleanField()
    archived_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class NewPolicySerializer(StrictSerializer):
    """Starts from a document or a named template, as a draft."""

    slug = SlugText()
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)
    document = DocumentField(required=False)
    template = serializers.ChoiceField(choices=sorted(TEMPLATES), required=False)


class PolicyNamesSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)


def policy_row(slug: str) -> Policy:
    return find(Policy.objects.select_related("live_version"), "policy", slug=slug)


class PolicyList(Endpoint):
    actions = {"GET": "read", "POST": "create_policy"}

    @described("Every policy, archived ones included", list_shape(PolicySerializer), tag=TAG, name="policies_list")
    def get(self, request: Request) -> Response:
        return data_of(PolicySerializer, Policy.objects.select_related("live_version").order_by("slug"))

    @described(
        "Create a policy with one draft",
        PolicySerializer,
        takes=NewPolicySerializer,
        status=201,
        tag=TAG,
        name="policies_create",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewPolicySerializer)
        policy = publish_policy.create_policy(body.pop("slug"), body.pop("name"), by=actor_of(request), **body)
        return Response(PolicySerializer(policy).data, status=201)


class PolicyDetail(Endpoint):
    actions = {"GET": "read", "PATCH": "edit_draft", "DELETE": "archive_policy"}

    @described("One policy", PolicySerializer, tag=TAG, name="policies_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(PolicySerializer(policy_row(slug)).data)

    @described(
        "Change name or description", PolicySerializer, takes=PolicyNamesSerializer, tag=TAG, name="policies_rename"
    )
    def patch(self, request: Request, slug: str) -> Response:
        names: dict[str, Any] = read_body(request, PolicyNamesSerializer)
        return Response(PolicySerializer(publish_policy.rename_policy(slug, by=actor_of(request), **names)).data)

    @described("Archive a policy nothing leads to", None, status=204, tag=TAG, name="policies_archive")
    def delete(self, request: Request, slug: str) -> Response:
        publish_policy.archive_policy(slug, by=actor_of(request))
        return Response(status=204)


class PolicyDefault(Endpoint):
    actions = {"POST": "set_default_policy"}

    @described("Make it the policy that answers auto", PolicySerializer, tag=TAG, name="policies_make_default")
    def post(self, request: Request, slug: str) -> Response:
        return Response(PolicySerializer(publish_policy.set_default_policy(slug, by=actor_of(request))).data)
