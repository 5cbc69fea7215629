"""/api/people: who signs in to the dashboard, with which role, and what an admin can do to an account."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Role, SecondFactor, User
from routerapp.serving import people, second_factor, sessions
from routerapp.serving.changes import find

TAG = "People"


class PersonSerializer(serializers.Serializer):
    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    is_active = serializers.BooleanField(help_text="False: locked.")
    locked_at = serializers.DateTimeField(allow_null=True)
    has_second_factor = serializers.BooleanField()
    last_login = serializers.DateTimeField(allow_null=True)


class NewPersonAnswerSerializer(PersonSerializer):
    password = serializers.CharField(
        allow_null=True, help_text="Made up by us, shown this once; null when you gave one."
    )


class NewPersonSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)
    email = serializers.EmailField(required=False, allow_blank=True)
    team = SlugText(required=False, allow_null=True)
    password = serializers.CharField(max_length=200, required=False, write_only=True, trim_whitespace=False)


class PersonFieldsSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    email = serializers.EmailField(required=False, allow_blank=True)
    team = SlugText(required=False, allow_null=True)


class ReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class NothingSerializer(StrictSerializer):
    """An empty object."""


class EndedSerializer(serializers.Serializer):
    sessions = serializers.IntegerField(help_text="How many were ended.")


def _rows() -> QuerySet[User]:
    factor = SecondFactor.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)
    return User.objects.select_related("team").annotate(has_second_factor=Exists(factor))


def _person(username: str) -> dict[str, object]:
    return dict(PersonSerializer(find(_rows(), "user", username=username)).data)


class PersonList(Endpoint):
    actions = {"GET": "read_people", "POST": "edit_people"}

    @described("Everybody", list_shape(PersonSerializer), tag=TAG, name="people_list")
    def get(self, request: Request) -> Response:
        return data_of(PersonSerializer, _rows().order_by("username"))

    @described(
        "Add a person", NewPersonAnswerSerializer, takes=NewPersonSerializer, status=201, tag=TAG, name="people_create"
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewPersonSerializer)
        new = people.create_user(body.pop("username"), by=actor_of(request), **body)
        return Response({**_person(new.user.username), "password": new.password}, status=201)


class PersonDetail(Endpoint):
    actions = {"GET": "read_people", "PATCH": "edit_people", "DELETE": "edit_people"}

    @described("One person", PersonSerializer, tag=TAG, name="people_read")
    def get(self, request: Request, username: str) -> Response:
        return Response(_person(username))

    @described(
        "Change role, team or e-mail; another role ends the person's sessions",
        PersonSerializer,
        takes=PersonFieldsSerializer,
        tag=TAG,
        name="people_edit",
    )
    def patch(self, request: Request, username: str) -> Response:
        people.edit_person(username, read_body(request, PersonFieldsSerializer), by=actor_of(request))
        return Response(_person(username))

    @described("Lock a person out; the same as …/lock", None, status=204, tag=TAG, name="people_deactivate")
    def delete(self, request: Request, username: str) -> Response:
        people.lock(username, by=actor_of(request))
        return Response(status=204)


class PersonLock(Endpoint):
    actions = {"POST": "edit_people"}

    @described(
        "Lock a person out at once; their keys then manage nothing",
        PersonSerializer,
        takes=ReasonSerializer,
        tag=TAG,
        name="people_lock",
    )
    def post(self, request: Request, username: str) -> Response:
        people.lock(username, by=actor_of(request), reason=read_body(request, ReasonSerializer)["reason"])
        return Response(_person(username))


class PersonUnlock(Endpoint):
    actions = {"POST": "edit_people"}

    @described("Let a locked person in again", PersonSerializer, takes=NothingSerializer, tag=TAG, name="people_unlock")
    def post(self, request: Request, username: str) -> Response:
        read_body(request, NothingSerializer)
        people.unlock(username, by=actor_of(request))
        return Response(_person(username))


class PersonSignOut(Endpoint):
    actions = {"POST": "edit_people"}

    @described(
        "Sign a person out everywhere", EndedSerializer, takes=NothingSerializer, tag=TAG, name="people_sign_out"
    )
    def post(self, request: Request, username: str) -> Response:
        read_body(request, NothingSerializer)
        return Response({"sessions": sessions.sign_out_everywhere(username, by=actor_of(request))})


class PersonResetSecondFactor(Endpoint):
    actions = {"POST": "edit_people"}

    @described(
        "Take a lost second factor off a person",
        PersonSerializer,
        takes=ReasonSerializer,
        tag=TAG,
        name="people_reset_second_factor",
    )
    def post(self, request: Request, username: str) -> Response:
        reason = read_body(request, ReasonSerializer)["reason"]
        second_factor.reset_second_factor(username, by=actor_of(request), reason=reason)
        return Response(_person(username))
