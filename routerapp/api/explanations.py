"""Why not another deployment, and the smallest change that would choose it: of a recorded request, or of a chat. Nothing is sent or written."""

from __future__ import annotations

import re
from typing import Any

import orjson
from django.http import Http404
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described, read_body, read_query
from routerapp.api.fields import DocumentField, StrictSerializer
from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.models import RoutedRequest
from routerapp.serving.explain_decision import explain_recorded, explain_simulated, explanation_document
from routerapp.serving.refusals import Invalid, invalid
from routerapp.serving.runtime import NotReady, Runtime
from routerapp.serving.served import Refused
from routerapp.serving.simulate import simulate
from routerapp.store.replay import NotReplayable

TAG = "Requests"
SLUG = 100
MAX_MESSAGES = 2_000
MAX_TOOLS = 512
MOST_TOKENS = 10_000_000
# As the playground: it may reach every version.
CALLER = CallerFacts(slug="playground", scopes=("chat", "policy:pin"))
_SEED = re.compile(r"[0-9a-f]{16}")


class NotRunning(APIException):
    status_code = 503
    default_code = "not_ready"
    default_detail = "The router is not running in this process, so there is nothing live to decide with."


class CannotReplay(APIException):
    """The code says why: see docs/recorded-formats.md."""

    status_code = 409
    default_code = "not_replayable"


class WhyNotSerializer(serializers.Serializer):
    verdict = serializers.CharField()
    detail = DocumentField()
    gap = serializers.FloatField(allow_null=True, help_text="the first one's score minus its own")


class ChangeSerializer(serializers.Serializer):
    """after chooses the deployment; one_step_less, one step of the grid nearer to before, does not."""

    owner = serializers.ChoiceField(choices=["people", "caller", "nobody"])
    kind = serializers.CharField()
    subject = serializers.CharField()
    field = serializers.CharField()
    rule = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField()
    one_step_less = serializers.JSONField(allow_null=True)
    step = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    size = serializers.FloatField()


ANSWER = inline_serializer(
    "Explanation",
    {
        "deployment": serializers.CharField(),
        "first": serializers.CharField(allow_null=True),
        "is_first": serializers.BooleanField(),
        "why_not": WhyNotSerializer(),
        "change": ChangeSerializer(allow_null=True),
        "sentence": serializers.CharField(),
        "checked": serializers.CharField(),
        "decisions": serializers.IntegerField(),
        "is_complete": serializers.BooleanField(help_text="false: stopped early, so a smaller change may exist"),
        "seed": serializers.CharField(help_text="16 hexadecimal digits"),
    },
)


class DeploymentQuery(StrictSerializer):
    deployment = serializers.CharField(max_length=SLUG)


class ChatSerializer(StrictSerializer):
    """What of a chat can change a decision, as OpenAI clients write it."""

    model = serializers.CharField(max_length=200, required=False, default="auto")
    messages = serializers.ListField(child=DocumentField(), min_length=1, max_length=MAX_MESSAGES)
    tools = serializers.ListField(child=DocumentField(), max_length=MAX_TOOLS, required=False)
    max_tokens = serializers.IntegerField(min_value=1, max_value=MOST_TOKENS, required=False)
    response_format = DocumentField(required=False)
    stream = serializers.BooleanField(required=False, default=False)

    def validate_messages(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for place, message in enumerate(messages):
            content = message.get("content")
            is_parts = isinstance(content, list) and all(isinstance(part, dict) for part in content)
            if not isinstance(message.get("role"), str) or not (
                content is None or isinstance(content, str) or is_parts
            ):
                problem = f"messages[{place}] needs a role that is text, and content that is text or a list of parts."
                raise ValidationError(problem, code="invalid_message")
        return messages


class QuestionSerializer(StrictSerializer):
    chat = ChatSerializer()
    deployment = serializers.CharField(max_length=SLUG)
    on = serializers.CharField(
        max_length=200,
        required=False,
        default="",
        help_text="draft:<id> or version:<policy>@<number>; left out: what the chat's model name means",
    )
    seed = serializers.RegexField(_SEED, required=False, help_text="16 hexadecimal digits; left out: a new one")


class RequestExplanation(Endpoint):
    actions = {"GET": "read"}

    @described(
        "Why a recorded request went not to this deployment, and what would have sent it there",
        ANSWER,
        query=DeploymentQuery,
        tag=TAG,
        name="requests_explain",
    )
    def get(self, request: Request, request_id: str) -> Response:
        if not RoutedRequest.objects.filter(id=request_id).exists():
            raise Http404
        found = explain_recorded(request_id, read_query(request, DeploymentQuery)["deployment"])
        if isinstance(found, NotReplayable):
            raise CannotReplay(found.reason, code=found.code)
        return Response(explanation_document(found))


class ChatExplanation(Endpoint):
    actions = {"POST": "use_playground"}

    @described(
        "Why a chat would go not to this deployment, and what would send it there",
        ANSWER,
        takes=QuestionSerializer,
        tag="Playground",
        name="explain",
    )
    def post(self, request: Request) -> Response:
        asked = read_body(request, QuestionSerializer)
        seed = int(asked["seed"], 16) if "seed" in asked else None
        try:
            simulation = simulate(_runtime(request), _chat(asked["chat"]), on=asked["on"], caller=CALLER, seed=seed)
        except NotReady:
            raise NotRunning from None
        except Refused as refused:
            raise _refused(refused) from None
        return Response(explanation_document(explain_simulated(simulation, asked["deployment"])))


def _runtime(request: Request) -> Runtime:
    runtime: Runtime | None = getattr(request._request, "scope", {}).get("runtime")
    if runtime is None or not runtime.has_snapshot:
        raise NotRunning
    return runtime


def _refused(refused: Refused) -> Invalid:
    return invalid(f"chat.{refused.param}" if refused.param else "chat", refused.code, refused.message)


def _chat(given: dict[str, Any]) -> Chat:
    form = given.get("response_format") or {}
    raw = {name: orjson.dumps(value) for name, value in given.items()}
    return Chat(
        requested_model=given["model"],
        fields=raw,
        messages=tuple(given["messages"]),
        tools=tuple(given.get("tools", ())),
        is_streaming=given["stream"],
        max_tokens=given.get("max_tokens"),
        response_format=form.get("type") if isinstance(form.get("type"), str) else None,
        body_bytes=sum(map(len, raw.values())),
    )
