"""/api/experiments: arms compared on real traffic. Starting and stopping publish versions of the policy."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import DocumentField, SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.experiments.comparison import ArmReport, Comparison
from routerapp.experiments.intervals import Interval
from routerapp.models import Experiment
from routerapp.serving import experiments
from routerapp.serving.changes import find
from routerapp.serving.experiment_documents import CONTROL
from routerapp.serving.experiment_report import report_of

TAG = "Experiments"


class ArmSerializer(serializers.Serializer):
    name = serializers.CharField()
    weight = serializers.IntegerField()


class ExperimentSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    hypothesis = serializers.CharField(allow_blank=True)
    policy = serializers.CharField(source="policy.slug")
    rule = serializers.CharField(source="rule_id")
    unit = serializers.CharField()
    state = serializers.CharField()
    arms = ArmSerializer(many=True, source="arms.all")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    stopped_at = serializers.DateTimeField(allow_null=True)
    decided_arm = serializers.CharField(allow_blank=True)
    decision_note = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class NewArmSerializer(StrictSerializer):
    """The arm without a use is the control: it does what the rule does today."""

    name = serializers.CharField(max_length=40)
    weight = serializers.FloatField(min_value=0, max_value=1_000_000)
    use = DocumentField(required=False)


class NewExperimentSerializer(StrictSerializer):
    slug = SlugText()
    name = serializers.CharField(max_length=100)
    hypothesis = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    policy = SlugText()
    rule = serializers.CharField(max_length=40, help_text="A rule's id, or default.")
    unit = serializers.ChoiceField(choices=experiments.UNITS, required=False, default="unit")
    arms = serializers.ListField(child=NewArmSerializer(), min_length=2, max_length=20)


class StopSerializer(StrictSerializer):
    keep = serializers.CharField(max_length=40, required=False, default=CONTROL)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class StartSerializer(StrictSerializer):
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DecisionNoteSerializer(StrictSerializer):
    arm = serializers.CharField(max_length=60)
    note = serializers.CharField(max_length=experiments.MAX_NOTE)


class ReportSerializer(serializers.Serializer):
    """Intervals are 95 %; n is units. verdict: better, worse or undecided, valid at every look."""

    is_trustworthy = serializers.BooleanField(allow_null=True)
    is_since_change = serializers.BooleanField()
    sample_ratio = DocumentField(allow_null=True)
    arms = DocumentField()


class ExperimentList(Endpoint):
    actions = {"GET": "read", "POST": "edit_draft"}

    @described("Every experiment", list_shape(ExperimentSerializer), tag=TAG, name="experiments_list")
    def get(self, request: Request) -> Response:
        return data_of(ExperimentSerializer, _rows().order_by("-created_at", "-id"))

    @described(
        "A new experiment and the draft that will start it",
        ExperimentSerializer,
        takes=NewExperimentSerializer,
        status=201,
        tag=TAG,
        name="experiments_create",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewExperimentSerializer)
        wanted = experiments.NewExperiment(rule_id=body.pop("rule"), **body)
        experiment, _ = experiments.create_experiment(wanted, by=actor_of(request))
        return Response(ExperimentSerializer(experiment).data, status=201)


class ExperimentDetail(Endpoint):
    actions = {"GET": "read", "DELETE": "edit_draft"}

    @described("One experiment", ExperimentSerializer, tag=TAG, name="experiments_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(ExperimentSerializer(_row(slug)).data)

    @described("Discard one that never ran", None, status=204, tag=TAG, name="experiments_discard")
    def delete(self, request: Request, slug: str) -> Response:
        experiments.discard_experiment(slug, by=actor_of(request))
        return Response(status=204)


class ExperimentReport(Endpoint):
    actions = {"GET": "read"}

    @described("Arms compared, with intervals", ReportSerializer, tag=TAG, name="experiments_report")
    def get(self, request: Request, slug: str) -> Response:
        report = report_of(_row(slug))
        comparison = report.comparison
        return Response(
            {
                "is_trustworthy": comparison.is_trustworthy if comparison else None,
                "is_since_change": report.is_since_change,
                "sample_ratio": _sample_ratio(comparison),
                "arms": {arm.counts.name: _arm(arm) for arm in comparison.arms} if comparison else {},
            }
        )


class ExperimentStart(Endpoint):
    actions = {"POST": "publish_policy"}

    @described("Publish its draft", ExperimentSerializer, takes=StartSerializer, tag=TAG, name="experiments_start")
    def post(self, request: Request, slug: str) -> Response:
        experiments.start_experiment(slug, note=read_body(request, StartSerializer)["note"], by=actor_of(request))
        return Response(ExperimentSerializer(_row(slug)).data)


class ExperimentStop(Endpoint):
    actions = {"POST": "publish_policy"}

    @described(
        "Publish a version that keeps one arm",
        ExperimentSerializer,
        takes=StopSerializer,
        tag=TAG,
        name="experiments_stop",
    )
    def post(self, request: Request, slug: str) -> Response:
        body = read_body(request, StopSerializer)
        experiments.stop_experiment(slug, keep=body["keep"], note=body["note"], by=actor_of(request))
        return Response(ExperimentSerializer(_row(slug)).data)


class ExperimentDecision(Endpoint):
    actions = {"PUT": "publish_policy"}

    @described(
        "Write down what was decided and why",
        ExperimentSerializer,
        takes=DecisionNoteSerializer,
        tag=TAG,
        name="experiments_decide",
    )
    def put(self, request: Request, slug: str) -> Response:
        body = read_body(request, DecisionNoteSerializer)
        experiments.decide_experiment(slug, arm=body["arm"], note=body["note"], by=actor_of(request))
        return Response(ExperimentSerializer(_row(slug)).data)


def _rows() -> Any:
    return Experiment.objects.select_related("policy").prefetch_related("arms")


def _row(slug: str) -> Experiment:
    return find(_rows(), "experiment", slug=slug)


def _sample_ratio(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None or comparison.sample_ratio is None:
        return None
    ratio = comparison.sample_ratio
    return {
        "expected": ratio.expected,
        "observed": ratio.observed,
        "p_value": ratio.p_value,
        "is_mismatch": ratio.is_mismatch,
    }


def _arm(arm: ArmReport) -> dict[str, Any]:
    counts = arm.counts
    return {
        "weight": counts.weight,
        "assigned": counts.assigned,
        "exposed": counts.exposed,
        "units": counts.units,
        "unpriced": counts.unpriced,
        "metrics": {name: _interval(found) for name, found in arm.metrics.items()},
        "lifts": {
            name: {
                "difference": _interval(lift.difference),
                "always_valid": _interval(lift.always_valid),
                "verdict": lift.verdict,
            }
            for name, lift in arm.lifts.items()
        },
    }


def _interval(found: Interval) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
