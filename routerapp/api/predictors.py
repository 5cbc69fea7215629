"""/api/predictors and /api/evaluations: what was learned, how good it is, which one is in force."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.benchmarks import TAG
from routerapp.api.drafts import DraftSerializer
from routerapp.api.endpoint import Endpoint, described, read_body, read_query
from routerapp.api.fields import DocumentField, SlugText, StrictSerializer
from routerapp.api.jobs import JobSerializer
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.models import EvaluationReport, PredictorState, PredictorVersion
from routerapp.serving import predictors
from routerapp.serving.changes import find
from routerapp.serving.draft_from_target import draft_from_target
from routerapp.serving.learning_jobs import Training, start_evaluation, start_training
from routerapp.store.predictors import live_predictor, without_artefacts


class PredictorSerializer(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="of the artefact; recorded decisions name it")
    state = serializers.ChoiceField(choices=PredictorState.choices)
    created_at = serializers.DateTimeField()
    promoted_at = serializers.DateTimeField(allow_null=True)


class PredictorCardSerializer(PredictorSerializer):
    card = DocumentField(
        help_text="The model card: data, figures with 95 % intervals, reliability, weak spots, the gate's verdict."
    )


class PredictorQuery(PageQuery):
    name = serializers.CharField(max_length=60, required=False)
    state = serializers.ChoiceField(choices=PredictorState.choices, required=False)


class NewTrainingSerializer(StrictSerializer):
    name = SlugText()
    benchmarks = serializers.ListField(child=SlugText(), max_length=20)
    models = serializers.DictField(
        child=serializers.CharField(max_length=100),
        help_text="The benchmark's name of each model -> slug of the language model.",
    )
    seed = serializers.IntegerField(required=False, default=0)
    leaves_one_out = serializers.BooleanField(
        required=False, default=True, help_text="Train without each category in turn."
    )


class NewEvaluationSerializer(StrictSerializer):
    benchmarks = serializers.ListField(child=SlugText(), max_length=20)


class PromotionSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    override = serializers.BooleanField(
        required=False, default=False, help_text="Against the gate's advice: admins, with a reason."
    )


class PromotedSerializer(PredictorSerializer):
    gate = serializers.CharField(
        allow_blank=True, help_text="What held-back prompts and recorded traffic said of it beside the one before."
    )


class RollBackReasonSerializer(StrictSerializer):
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class RolledBackSerializer(serializers.Serializer):
    live = PredictorSerializer(allow_null=True, help_text="null: none is in force")


class EvaluationSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    subject = serializers.CharField(allow_blank=True, help_text="name@version; empty: baselines alone")
    predictor = serializers.CharField(allow_blank=True, help_text="sha256")
    benchmarks = serializers.ListField(child=serializers.CharField())
    pool = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class EvaluationDetailSerializer(EvaluationSerializer):
    report = DocumentField(
        help_text="Every router on the same prompts: figures with 95 % intervals, hulls, points; USD a call."
    )


class TargetSerializer(StrictSerializer):
    """policy: a draft of it; empty: a new policy of this slug and name."""

    point = serializers.IntegerField(min_value=0, help_text="A place on the front, cheapest first.")
    policy = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    slug = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    name = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")


class PredictorList(Endpoint):
    actions = {"GET": "read", "POST": "train_predictor"}

    @described(
        "Predictors, newest first",
        page_shape(PredictorSerializer),
        query=PredictorQuery,
        tag=TAG,
        name="predictors_list",
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, PredictorQuery)
        where = {name: query[name] for name in ("name", "state") if name in query}
        return page_of(without_artefacts().filter(**where), PredictorSerializer, query)

    @described(
        "Train one: a job", JobSerializer, takes=NewTrainingSerializer, status=202, tag=TAG, name="predictors_train"
    )
    def post(self, request: Request) -> Response:
        job = start_training(Training(**read_body(request, NewTrainingSerializer)), by=actor_of(request))
        return Response(JobSerializer(job).data, status=202)


class PredictorDetail(Endpoint):
    actions = {"GET": "read", "DELETE": "promote_predictor"}

    @described("One predictor with its model card", PredictorCardSerializer, tag=TAG, name="predictors_read")
    def get(self, request: Request, name: str, version: int) -> Response:
        return Response(PredictorCardSerializer(_row(name, version)).data)

    @described(
        "Retire it: it speaks no more, and stays for what it decided",
        None,
        status=204,
        tag=TAG,
        name="predictors_retire",
    )
    def delete(self, request: Request, name: str, version: int) -> Response:
        predictors.retire_predictor(name, _checked(version), by=actor_of(request))
        return Response(status=204)


class PredictorPromote(Endpoint):
    actions = {"POST": "promote_predictor"}

    @described("Put it in force", PromotedSerializer, takes=PromotionSerializer, tag=TAG, name="predictors_promote")
    def post(self, request: Request, name: str, version: int) -> Response:
        given, champion = read_body(request, PromotionSerializer), live_predictor()
        row = predictors.promote_predictor(name, _checked(version), by=actor_of(request), **given)
        said = {"gate": predictors.what_gate_says(row, champion)}
        return Response({**PredictorSerializer(row).data, **said})


class PredictorRollBack(Endpoint):
    actions = {"POST": "promote_predictor"}

    @described(
        "The one before is in force again",
        RolledBackSerializer,
        takes=RollBackReasonSerializer,
        tag=TAG,
        name="predictors_roll_back",
    )
    def post(self, request: Request) -> Response:
        row = predictors.roll_back_predictor(by=actor_of(request), **read_body(request, RollBackReasonSerializer))
        return Response({"live": PredictorSerializer(row).data if row else None})


class PredictorEvaluations(Endpoint):
    actions = {"POST": "train_predictor"}

    @described(
        "Evaluate it on benchmarks: a job",
        JobSerializer,
        takes=NewEvaluationSerializer,
        status=202,
        tag=TAG,
        name="predictors_evaluate",
    )
    def post(self, request: Request, name: str, version: int) -> Response:
        given = read_body(request, NewEvaluationSerializer)
        job = start_evaluation(name, _checked(version), given["benchmarks"], by=actor_of(request))
        return Response(JobSerializer(job).data, status=202)


class EvaluationList(Endpoint):
    actions = {"GET": "read"}

    @described(
        "Evaluations, newest first", page_shape(EvaluationSerializer), query=PageQuery, tag=TAG, name="evaluations_list"
    )
    def get(self, request: Request) -> Response:
        return page_of(EvaluationReport.objects.defer("report"), EvaluationSerializer, read_query(request, PageQuery))


class EvaluationDetail(Endpoint):
    actions = {"GET": "read"}

    @described(
        "One evaluation with every number of its page", EvaluationDetailSerializer, tag=TAG, name="evaluations_read"
    )
    def get(self, request: Request, report_id: int) -> Response:
        return Response(
            EvaluationDetailSerializer(find(EvaluationReport.objects.all(), "evaluation", pk=report_id)).data
        )


class EvaluationDraft(Endpoint):
    actions = {"POST": "create_policy"}

    @described(
        "A draft policy for a point of its front",
        DraftSerializer,
        takes=TargetSerializer,
        status=201,
        tag=TAG,
        name="evaluations_draft",
    )
    def post(self, request: Request, report_id: int) -> Response:
        draft = draft_from_target(report_id, by=actor_of(request), **read_body(request, TargetSerializer))
        return Response(DraftSerializer(draft).data, status=201)


def _row(name: str, version: int) -> PredictorVersion:
    rows: QuerySet[PredictorVersion] = without_artefacts().filter(version=_checked(version))
    return find(rows, "predictor", name=name)


def _checked(version: int) -> int:
    """Beyond what the column holds there is none, and a database would complain."""
    return version if version < 2**31 else 0
