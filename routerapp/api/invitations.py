"""/api/invitations: links that let somebody choose a password. A link is in the answer to its making and nowhere else."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.api.people import NothingSerializer
from routerapp.models import Role
from routerapp.serving import invitations
from routerapp.serving.invitations import NewInvitation

TAG = "People"


class InvitationSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    is_new_password = serializers.SerializerMethodField(help_text="True: for somebody who has an account already.")
    expires_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    created_at = serializers.DateTimeField()

    def get_is_new_password(self, row: object) -> bool:
        return getattr(row, "for_user_id", None) is not None


class NewInvitationAnswerSerializer(InvitationSerializer):
    link = serializers.CharField(help_text="The whole link, this once.")


class NewInvitationSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)
    email = serializers.EmailField(required=False, allow_blank=True)
    team = SlugText(required=False, allow_null=True)


class InvitationList(Endpoint):
    actions = {"GET": "read_people", "POST": "edit_people"}

    @described(
        "Open invitations and new-password links", list_shape(InvitationSerializer), tag=TAG, name="invitations_list"
    )
    def get(self, request: Request) -> Response:
        return data_of(InvitationSerializer, invitations.open_invitations().order_by("expires_at"))

    @described(
        "Invite somebody",
        NewInvitationAnswerSerializer,
        takes=NewInvitationSerializer,
        status=201,
        tag=TAG,
        name="invitations_create",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewInvitationSerializer)
        return _answer(invitations.invite(body.pop("username"), by=actor_of(request), **body))


class InvitationDetail(Endpoint):
    actions = {"DELETE": "edit_people"}

    @described("Withdraw a link", None, status=204, tag=TAG, name="invitations_withdraw")
    def delete(self, request: Request, invitation_id: int) -> Response:
        invitations.withdraw(invitation_id, by=actor_of(request))
        return Response(status=204)


class PasswordLink(Endpoint):
    actions = {"POST": "edit_people"}

    @described(
        "Make a new-password link for a person",
        NewInvitationAnswerSerializer,
        takes=NothingSerializer,
        status=201,
        tag=TAG,
        name="people_password_link",
    )
    def post(self, request: Request, username: str) -> Response:
        read_body(request, NothingSerializer)
        return _answer(invitations.make_password_link(username, by=actor_of(request)))


def _answer(new: NewInvitation) -> Response:
    link = settings.ENVIRONMENT.public_url + reverse("dashboard:invitation", kwargs={"token": new.token})
    return Response({**InvitationSerializer(new.row).data, "link": link}, status=201)
