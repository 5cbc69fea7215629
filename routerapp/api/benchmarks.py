"""/api/benchmarks: imported benchmarks, what predictors are trained on and evaluated with. An import is read by a job."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, data_of, described, read_body
from routerapp.api.fields import SlugText, StrictSerializer
from routerapp.api.paging import list_shape
from routerapp.api.strict_json import StrictJSONParser
from routerapp.models import BenchmarkData, BenchmarkState
from routerapp.serving.benchmarks import NewBenchmark, delete_benchmark, import_benchmark
from routerapp.serving.changes import find

TAG = "Learned routing"


class BenchmarkSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=BenchmarkState.choices)
    problem = serializers.CharField(
        allow_blank=True, help_text="why the file could not be read: column, row, what is allowed"
    )
    file_name = serializers.CharField()
    sha256 = serializers.CharField(help_text="of the file")
    file_bytes = serializers.IntegerField()
    prompts = serializers.IntegerField()
    outcomes = serializers.IntegerField(source="rows", help_text="known qualities of a prompt and a model")
    models = serializers.ListField(child=serializers.CharField(), source="model_names")
    datasets = serializers.DictField(child=serializers.IntegerField(), help_text="prompts per data set")
    created_at = serializers.DateTimeField()


class NewBenchmarkSerializer(StrictSerializer):
    slug = SlugText()
    name = serializers.CharField(max_length=100)
    file = serializers.FileField(help_text="Parquet, CSV or JSONL; the name's ending says which.")


class BenchmarkImportSerializer(serializers.Serializer):
    benchmark = BenchmarkSerializer()
    job = serializers.IntegerField(help_text="of /api/jobs; its state says when the file is read")


class BenchmarkList(Endpoint):
    actions = {"GET": "read", "POST": "edit_benchmark"}
    parser_classes = [MultiPartParser, StrictJSONParser]

    @described("Every benchmark, newest first", list_shape(BenchmarkSerializer), tag=TAG, name="benchmarks_list")
    def get(self, request: Request) -> Response:
        return data_of(BenchmarkSerializer, _rows().order_by("-created_at", "-id"))

    @described(
        "Import a file (multipart/form-data): a job reads it",
        BenchmarkImportSerializer,
        takes={"multipart/form-data": NewBenchmarkSerializer},
        status=202,
        tag=TAG,
        name="benchmarks_import",
    )
    def post(self, request: Request) -> Response:
        body = read_body(request, NewBenchmarkSerializer)
        file = body["file"]
        wanted = NewBenchmark(body["slug"], body["name"], file.name, file.chunks())
        row, job = import_benchmark(wanted, by=actor_of(request))
        return Response({"benchmark": BenchmarkSerializer(row).data, "job": job.pk}, status=202)


class BenchmarkDetail(Endpoint):
    actions = {"GET": "read", "DELETE": "edit_benchmark"}

    @described("One benchmark", BenchmarkSerializer, tag=TAG, name="benchmarks_read")
    def get(self, request: Request, slug: str) -> Response:
        return Response(BenchmarkSerializer(find(_rows(), "benchmark", slug=slug)).data)

    @described(
        "Delete it with its prompts; what was trained on it stays", None, status=204, tag=TAG, name="benchmarks_delete"
    )
    def delete(self, request: Request, slug: str) -> Response:
        delete_benchmark(slug, by=actor_of(request))
        return Response(status=204)


def _rows() -> QuerySet[BenchmarkData]:
    return BenchmarkData.objects.defer("upload", "content")
