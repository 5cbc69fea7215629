"""/api/task-classes and /api/task-heads: what the task classes are, and which trained head says them."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.benchmarks import TAG
from routerapp.api.endpoint import Endpoint, described, read_body, read_query
from routerapp.api.fields import DocumentField, StrictSerializer
from routerapp.api.jobs import JobSerializer
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.models import PredictorState
from routerapp.serving import task_classes, task_heads
from routerapp.store import task_heads as rows

FITTED, SHIPPED = "fitted", "shipped"


class TaskClassSerializer(serializers.Serializer):
    slug = serializers.CharField()
    words = serializers.CharField(help_text="What it is for, in your words.")
    examples = serializers.ListField(child=serializers.CharField(), help_text="Your own.")
    threshold = serializers.FloatField(
        allow_null=True, help_text="Least confidence with which it is said; null: as fitted."
    )
    shipped = serializers.IntegerField(help_text="How many examples come with the product.")
    is_own = serializers.BooleanField()


class TaskClassListSerializer(serializers.Serializer):
    classes = TaskClassSerializer(many=True)


class TaskClassEditSerializer(StrictSerializer):
    words = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    examples = serializers.ListField(
        child=serializers.CharField(max_length=task_classes.MOST_CHARACTERS),
        max_length=task_classes.MOST_EXAMPLES,
        required=False,
        default=list,
    )
    threshold = serializers.FloatField(required=False, allow_null=True, default=None)


class TaskHeadSerializer(serializers.Serializer):
    version = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="of the artefact; recorded features name it")
    state = serializers.ChoiceField(choices=PredictorState.choices)
    card = DocumentField(help_text="Classes, thresholds, and how good it was before and after.")
    created_at = serializers.DateTimeField()
    promoted_at = serializers.DateTimeField(allow_null=True)


class TaskHeadReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class NewHeadSerializer(StrictSerializer):
    kind = serializers.ChoiceField(
        choices=(FITTED, SHIPPED),
        help_text="fitted: to your examples, by a job; shipped: the one that came with the product.",
    )


class NewHeadAnswerSerializer(serializers.Serializer):
    job = JobSerializer(allow_null=True)
    task_head = TaskHeadSerializer(allow_null=True)


class InForceSerializer(serializers.Serializer):
    live = TaskHeadSerializer(allow_null=True)


class TaskClassList(Endpoint):
    actions = {"GET": "read"}

    @described("All task classes", TaskClassListSerializer, tag=TAG, name="task_classes_list")
    def get(self, request: Request) -> Response:
        return Response({"classes": TaskClassSerializer(task_classes.task_classes(), many=True).data})


class TaskClassDetail(Endpoint):
    actions = {"GET": "read", "PUT": "edit_task_class", "DELETE": "edit_task_class"}

    @described("One task class", TaskClassSerializer, tag=TAG, name="task_classes_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(TaskClassSerializer(task_classes.task_class(slug)).data)

    @described(
        "Say anew what it is, or make one of your own (own-…)",
        TaskClassSerializer,
        takes=TaskClassEditSerializer,
        tag=TAG,
        name="task_classes_edit",
    )
    def put(self, request: Request, slug: str) -> Response:
        given = read_body(request, TaskClassEditSerializer)
        return Response(TaskClassSerializer(task_classes.edit_task_class(slug, by=actor_of(request), **given)).data)

    @described("Forget what you said of it", None, status=204, tag=TAG, name="task_classes_remove")
    def delete(self, request: Request, slug: str) -> Response:
        task_classes.remove_task_class(slug, by=actor_of(request))
        return Response(status=204)


class TaskHeadList(Endpoint):
    actions = {"GET": "read", "POST": "edit_task_class"}

    @described(
        "Task heads, newest first", page_shape(TaskHeadSerializer), query=PageQuery, tag=TAG, name="task_heads_list"
    )
    def get(self, request: Request) -> Response:
        return page_of(rows.task_heads(), TaskHeadSerializer, read_query(request, PageQuery))

    @described(
        "Fit one to your examples (a job), or take the shipped one",
        NewHeadAnswerSerializer,
        takes=NewHeadSerializer,
        status=202,
        tag=TAG,
        name="task_heads_fit",
    )
    def post(self, request: Request) -> Response:
        if read_body(request, NewHeadSerializer)["kind"] == SHIPPED:
            row = task_heads.take_shipped_head(by=actor_of(request))
            return Response({"job": None, "task_head": TaskHeadSerializer(row).data}, status=202)
        job = task_classes.start_fit(by=actor_of(request))
        return Response({"job": JobSerializer(job).data, "task_head": None}, status=202)


class TaskHeadPromote(Endpoint):
    actions = {"POST": "promote_predictor"}

    @described(
        "Put it in force", TaskHeadSerializer, takes=TaskHeadReasonSerializer, tag=TAG, name="task_heads_promote"
    )
    def post(self, request: Request, version: int) -> Response:
        row = task_heads.promote_task_head(
            version, by=actor_of(request), **read_body(request, TaskHeadReasonSerializer)
        )
        return Response(TaskHeadSerializer(row).data)


class TaskHeadRollBack(Endpoint):
    actions = {"POST": "promote_predictor"}

    @described(
        "The one before is in force again",
        InForceSerializer,
        takes=TaskHeadReasonSerializer,
        tag=TAG,
        name="task_heads_roll_back",
    )
    def post(self, request: Request) -> Response:
        row = task_heads.roll_back_task_head(by=actor_of(request), **read_body(request, TaskHeadReasonSerializer))
        return Response({"live": TaskHeadSerializer(row).data if row else None})


class TaskHeadOff(Endpoint):
    actions = {"POST": "promote_predictor"}

    @described(
        "The transparent signals alone",
        InForceSerializer,
        takes=TaskHeadReasonSerializer,
        tag=TAG,
        name="task_heads_off",
    )
    def post(self, request: Request) -> Response:
        task_heads.switch_off_task_head(by=actor_of(request), **read_body(request, TaskHeadReasonSerializer))
        return Response({"live": None})
