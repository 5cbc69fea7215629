"""The base of every view: key authentication, one action per method, JSON in and out, one error shape. Default is to refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from routerapp.api.authentication import KeyAuthentication, KeyHolder, actor_of
from routerapp.api.errors import answer_error
from routerapp.api.fields import ErrorSerializer, StrictSerializer
from routerapp.api.strict_json import StrictJSONParser
from routerapp.serving.permissions import require

ERRORS = {
    400: ErrorSerializer,
    401: ErrorSerializer,
    403: ErrorSerializer,
    404: ErrorSerializer,
    409: ErrorSerializer,
    422: ErrorSerializer,
}


class ActionPermission(BasePermission):
    """The view's table says which action a method is; the role table says who may."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, KeyHolder):
            raise NotAuthenticated("Send an API key: Authorization: Bearer <key>.", code="missing_api_key")
        require(actor_of(request), view.actions[request.method or ""])
        return True


class Endpoint(APIView):
    """Subclasses name the action (a key of ROLE_OF_ACTION) of each method they answer."""

    actions: ClassVar[Mapping[str, str]] = {}
    http_method_names = ["get", "post", "put", "patch", "delete"]
    authentication_classes = [KeyAuthentication]
    permission_classes = [ActionPermission]
    parser_classes = [StrictJSONParser]
    renderer_classes = [JSONRenderer]
    throttle_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method not in self.actions:
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        answered["Cache-Control"] = "no-store"
        return answered

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return answer_error


def read_body(request: Request, shape: type[StrictSerializer]) -> dict[str, Any]:
    """The validated body; only fields that were sent (or have defaults) are in it."""
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def read_query(request: Request, shape: type[StrictSerializer]) -> dict[str, Any]:
    """The validated query string; a name given twice is a list field or an error."""
    values: dict[str, Any] = {}
    for name, given in request.query_params.lists():
        is_list = isinstance(shape().fields.get(name), serializers.ListField)
        values[name] = given if is_list else given[-1]
    serializer = shape(data=values)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def described(
    summary: str,
    answer: Any,
    *,
    takes: type[StrictSerializer] | Mapping[str, type[StrictSerializer]] | None = None,
    query: type[StrictSerializer] | None = None,
    status: int = 200,
    tag: str,
    name: str,
) -> Callable[[Any], Any]:
    """The schema of one method: a sentence, what it takes (by media type where that is not JSON), what it answers, and that errors have
    one shape."""
    return extend_schema(
        operation_id=name,
        summary=summary,
        tags=[tag],
        request=takes,
        parameters=[query] if query else [],
        responses={status: answer, **ERRORS},
    )


def data_of(shape: type[serializers.Serializer], rows: Any) -> Response:
    """A whole list that is short by nature."""
    return Response({"data": shape(rows, many=True).data})
