"""/api/calibrations: the team's own prompts put to several models. Nothing is asked before exactly the amount shown is confirmed."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.benchmarks import TAG
from routerapp.api.endpoint import Endpoint, described, read_body, read_query
from routerapp.api.fields import DocumentField, StrictSerializer, UsdField, UsdText
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.engine.money import BadMoney, parse_usd
from routerapp.models import Calibration, GradingKind, PromptSource
from routerapp.serving.calibration import calibrations as use_cases
from routerapp.serving.calibration.levels import levels_of
from routerapp.serving.calibration.offered import read_objects
from routerapp.serving.calibration.people import grade_answer, next_answer, progress_of
from routerapp.serving.changes import find
from routerapp.serving.refusals import invalid


class CalibrationSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField(help_text="why it stands")
    source = serializers.ChoiceField(choices=PromptSource.choices)  # type: ignore[assignment]
    grading = serializers.ChoiceField(choices=GradingKind.choices)
    deployments = serializers.ListField(child=serializers.CharField())
    judge = serializers.CharField(allow_blank=True)
    wanted = serializers.IntegerField(help_text="prompts asked for")
    max_output_tokens = serializers.IntegerField()
    coverage = DocumentField(help_text="prompts offered, chosen, clusters, and what was left out")
    estimate = DocumentField(help_text="cost by deployment, as expected and at most; ceiling_nusd is what to confirm")
    ceiling_usd = UsdField(source="ceiling_nusd", allow_null=True)
    spent_usd = UsdField(source="spent_nusd")
    benchmark = serializers.CharField(allow_blank=True, help_text="what was made of it")
    job = serializers.IntegerField(source="job_id", allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_state(self, row: Calibration) -> str:
        return use_cases.state_of(row)

    def get_problem(self, row: Calibration) -> str:
        return use_cases.problem_of(row)


class LevelSerializer(serializers.Serializer):
    deployment = serializers.CharField()
    language_model = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="mean mark, 0 to 1")
    low = serializers.FloatField(allow_null=True, help_text="of its 95 % interval")
    high = serializers.FloatField(allow_null=True)
    graded = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="answers without a mark yet")
    skipped = serializers.IntegerField()
    missing = serializers.IntegerField(help_text="calls that gave no answer")
    cut = serializers.IntegerField(help_text="answers cut off by max_output_tokens")
    mean_cost_usd = UsdField(source="mean_cost_nusd", allow_null=True)


class CalibrationDetailSerializer(CalibrationSerializer):
    levels = LevelSerializer(many=True)


class NewCalibrationSerializer(StrictSerializer):
    source = serializers.ChoiceField(choices=PromptSource.choices)  # type: ignore[assignment]
    grading = serializers.ChoiceField(choices=GradingKind.choices)
    deployments = serializers.ListField(child=serializers.CharField(max_length=100), max_length=100)
    judge = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    prompts = serializers.ListField(
        required=False,
        default=list,
        help_text="{prompt, system?, expected?, pattern?, schema?} each; where source is file.",
    )
    wanted = serializers.IntegerField(required=False, default=use_cases.DEFAULT_PROMPTS)
    max_output_tokens = serializers.IntegerField(required=False, default=use_cases.DEFAULT_TOKENS)
    seed = serializers.IntegerField(required=False, default=0)


class CeilingSerializer(StrictSerializer):
    ceiling_usd = UsdText()


class BlindAnswerSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    before = serializers.ListField(help_text="[role, text] of what stood before the question")
    prompt = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    is_cut = serializers.BooleanField()


class QueueSerializer(serializers.Serializer):
    done = serializers.IntegerField()
    all = serializers.IntegerField()
    answer = BlindAnswerSerializer(allow_null=True, help_text="null: none is without a mark")


class MarkSerializer(StrictSerializer):
    answer = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    grade = serializers.FloatField(allow_null=True, help_text="0 to 1; null skips it")


class TakenSerializer(serializers.Serializer):
    is_taken = serializers.BooleanField(help_text="false: it had a mark already")


class CalibrationList(Endpoint):
    actions = {"GET": "read", "POST": "calibrate"}

    @described(
        "Calibrations, newest first",
        page_shape(CalibrationSerializer),
        query=PageQuery,
        tag=TAG,
        name="calibrations_list",
    )
    def get(self, request: Request) -> Response:
        rows = Calibration.objects.defer("offered").select_related("job")
        return page_of(rows, CalibrationSerializer, read_query(request, PageQuery))

    @described(
        "Choose prompts and work out what asking them costs: a job. No model is asked",
        CalibrationSerializer,
        takes=NewCalibrationSerializer,
        status=202,
        tag=TAG,
        name="calibrations_create",
    )
    def post(self, request: Request) -> Response:
        given = read_body(request, NewCalibrationSerializer)
        objects = given.pop("prompts")
        is_file = given["source"] == PromptSource.FILE
        prompts = read_objects(objects, given["grading"]) if is_file else []
        wanted = use_cases.NewCalibration(**given, prompts=prompts)
        row = use_cases.create_calibration(wanted, by=actor_of(request))
        return Response(CalibrationSerializer(row).data, status=202)


class CalibrationDetail(Endpoint):
    actions = {"GET": "read", "DELETE": "calibrate"}

    @described("One, with the level of each model", CalibrationDetailSerializer, tag=TAG, name="calibrations_read")
    def get(self, request: Request, calibration_id: int) -> Response:
        row = _row(calibration_id)
        levels = LevelSerializer(levels_of(row), many=True).data
        return Response({**CalibrationSerializer(row).data, "levels": levels})

    @described(
        "Delete its prompts and answers; its benchmark stays", None, status=204, tag=TAG, name="calibrations_delete"
    )
    def delete(self, request: Request, calibration_id: int) -> Response:
        use_cases.delete_calibration(calibration_id, by=actor_of(request))
        return Response(status=204)


class CalibrationStart(Endpoint):
    actions = {"POST": "calibrate"}

    @described(
        "Confirm the most it may cost, and start: a job",
        CalibrationSerializer,
        takes=CeilingSerializer,
        status=202,
        tag=TAG,
        name="calibrations_start",
    )
    def post(self, request: Request, calibration_id: int) -> Response:
        text = read_body(request, CeilingSerializer)["ceiling_usd"]
        try:
            ceiling = parse_usd(text)
        except BadMoney as error:
            raise invalid("ceiling_usd", "bad_amount", str(error)) from None
        row = use_cases.start_calibration(calibration_id, ceiling, by=actor_of(request))
        return Response(CalibrationSerializer(row).data, status=202)


class CalibrationStop(Endpoint):
    actions = {"POST": "calibrate"}

    @described(
        "Stop it; every answer that came is kept", CalibrationSerializer, status=202, tag=TAG, name="calibrations_stop"
    )
    def post(self, request: Request, calibration_id: int) -> Response:
        row = use_cases.stop_calibration(calibration_id, by=actor_of(request))
        return Response(CalibrationSerializer(row).data, status=202)


class CalibrationEstimate(Endpoint):
    actions = {"POST": "calibrate"}

    @described(
        "Go on with one that stopped: work out what the rest costs",
        CalibrationSerializer,
        status=202,
        tag=TAG,
        name="calibrations_estimate",
    )
    def post(self, request: Request, calibration_id: int) -> Response:
        row = use_cases.estimate_again(calibration_id, by=actor_of(request))
        return Response(CalibrationSerializer(row).data, status=202)


class CalibrationFinish(Endpoint):
    actions = {"POST": "calibrate"}

    @described(
        "Make the benchmark of what is graded by now: a job",
        CalibrationSerializer,
        status=202,
        tag=TAG,
        name="calibrations_finish",
    )
    def post(self, request: Request, calibration_id: int) -> Response:
        row = use_cases.finish_calibration(calibration_id, by=actor_of(request))
        return Response(CalibrationSerializer(row).data, status=202)


class CalibrationAnswers(Endpoint):
    actions = {"GET": "calibrate", "POST": "calibrate"}

    @described("The next answer without a mark, blind", QueueSerializer, tag=TAG, name="calibrations_next_answer")
    def get(self, request: Request, calibration_id: int) -> Response:
        row = _row(calibration_id)
        done, total = progress_of(row)
        shown = next_answer(row, by=actor_of(request))
        answer = BlindAnswerSerializer(shown).data if shown else None
        return Response({"done": done, "all": total, "answer": answer})

    @described("A person's mark", TakenSerializer, takes=MarkSerializer, tag=TAG, name="calibrations_grade")
    def post(self, request: Request, calibration_id: int) -> Response:
        given = read_body(request, MarkSerializer)
        is_taken = grade_answer(calibration_id, given["answer"], given["grade"], by=actor_of(request))
        return Response({"is_taken": is_taken})


def _row(calibration_id: int) -> Calibration:
    rows = Calibration.objects.defer("offered").select_related("job")
    return find(rows, "calibration", pk=calibration_id)
