"""/api/jobs: background work and how far it is."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.fields import DocumentField
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.models import Job, JobState
from routerapp.serving.changes import find
from routerapp.serving.edit_jobs import cancel_job, retry_job

TAG = "Jobs"


class JobSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    queue = serializers.CharField()
    state = serializers.ChoiceField(choices=JobState.choices)
    progress = serializers.FloatField(help_text="0 to 1")
    message = serializers.CharField(allow_blank=True)
    result = DocumentField(allow_null=True)
    is_cancel_requested = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    heartbeat_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class JobQuery(PageQuery):
    kind = serializers.CharField(max_length=40, required=False)
    state = serializers.ChoiceField(choices=JobState.choices, required=False)


class JobList(Endpoint):
    actions = {"GET": "read"}

    @described("Jobs, newest first", page_shape(JobSerializer), query=JobQuery, tag=TAG, name="jobs_list")
    def get(self, request: Request) -> Response:
        query = read_query(request, JobQuery)
        where = {name: query[name] for name in ("kind", "state") if name in query}
        return page_of(Job.objects.filter(**where), JobSerializer, query)


class JobDetail(Endpoint):
    actions = {"GET": "read"}

    @described("One job", JobSerializer, tag=TAG, name="jobs_read")
    def get(self, request: Request, job_id: int) -> Response:
        return Response(JobSerializer(find(Job.objects.all(), "job", pk=job_id)).data)


class JobCancel(Endpoint):
    actions = {"POST": "edit_jobs"}

    @described(
        "Stop it: at once when it waits, at its next step when it runs", JobSerializer, tag=TAG, name="jobs_cancel"
    )
    def post(self, request: Request, job_id: int) -> Response:
        return Response(JobSerializer(cancel_job(job_id, by=actor_of(request))).data)


class JobRetry(Endpoint):
    actions = {"POST": "edit_jobs"}

    @described("Run one that has ended again, as a new job", JobSerializer, status=201, tag=TAG, name="jobs_retry")
    def post(self, request: Request, job_id: int) -> Response:
        return Response(JobSerializer(retry_job(job_id, by=actor_of(request))).data, status=201)
