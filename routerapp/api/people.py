"""/api/people: who signs in to the dashboard, with which role."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.models import Role, User
from routerapp.serving import people

TAG = "People"


class PersonSerializer(serializers.Serializer):
    username = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)
    team = serializers.CharField(source="team.slug", default=None, allow_null=True)
    is_active = serializers.BooleanField()
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


class RoleSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices)


class PersonList(Endpoint):
    actions = {"GET": "read_people", "POST": "edit_people"}

    @described("Everybody", list_shape(PersonSerializer), tag=TAG, name="people_list")
    def get(self, request: Request) -> Response:
        return data_of(PersonSerializer, User.objects.select_related("team").order_by("username"))

    @described(
        "Add a person", NewPersonAnswerSerializer, takes=NewPersonSerializer, status=201, tag=TAG, name="people_create"
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewPersonSerializer)
        new = people.create_user(body.pop("username"), by=actor_of(request), **body)
        return Response({**PersonSerializer(new.user).data, "password": new.password}, status=201)


class PersonDetail(Endpoint):
    actions = {"PATCH": "edit_people", "DELETE": "edit_people"}

    @described(
        "Give another role; ends the person's sessions",
        PersonSerializer,
        takes=RoleSerializer,
        tag=TAG,
        name="people_set_role",
    )
    def patch(self, request: Request, username: str) -> Response:
        role = read_body(request, RoleSerializer)["role"]
        return Response(PersonSerializer(people.set_role(username, role, by=actor_of(request))).data)

    @described("Lock a person out", None, status=204, tag=TAG, name="people_deactivate")
    def delete(self, request: Request, username: str) -> Response:
        people.deactivate(username, by=actor_of(request))
        return Response(status=204)
