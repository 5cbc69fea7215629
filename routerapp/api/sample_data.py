"""/api/sample-data: taking the demo workspace out."""

from __future__ import annotations

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described
from routerapp.serving.installation import remove_sample_data


class SampleData(Endpoint):
    actions = {"DELETE": "remove_sample_data"}

    @described(
        "Archive the sample catalogue and policies, delete the sample traffic",
        inline_serializer("SampleDataRemoved", {"removed_requests": serializers.IntegerField()}),
        tag="Installation",
        name="sample_data_remove",
    )
    def delete(self, request: Request) -> Response:
        return Response({"removed_requests": remove_sample_data(by=actor_of(request))})
