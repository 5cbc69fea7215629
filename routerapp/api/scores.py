"""/api/models/<slug>/scores: one capability score per dimension, with interval, source and date."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import StrictSerializer
from routerapp.models import ScoreSource
from routerapp.serving import edit_scores

TAG = "Models"


class ScoreSerializer(serializers.Serializer):
    dimension = serializers.CharField(source="dimension.slug")
    value = serializers.FloatField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    source = serializers.ChoiceField(choices=ScoreSource.choices)  # type: ignore[assignment]
    note = serializers.CharField(allow_blank=True)
    measured_on = serializers.DateField(source="measured_at")


class NewScoreSerializer(StrictSerializer):
    """Scores lie in 0..1; low and high are the 95 % interval and come together."""

    value = serializers.FloatField(min_value=0, max_value=1)
    low = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    high = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    source = serializers.ChoiceField(choices=ScoreSource.choices, required=False)  # type: ignore[assignment]
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)
    measured_on = serializers.DateField(required=False)


class Score(Endpoint):
    actions = {"PUT": "edit_score", "DELETE": "edit_score"}

    @described("Set a score", ScoreSerializer, takes=NewScoreSerializer, tag=TAG, name="scores_set")
    def put(self, request: Request, slug: str, dimension: str) -> Response:
        body = read_body(request, NewScoreSerializer)
        return Response(ScoreSerializer(edit_scores.set_score(slug, dimension, by=actor_of(request), **body)).data)

    @described("Back to unknown", None, status=204, tag=TAG, name="scores_remove")
    def delete(self, request: Request, slug: str, dimension: str) -> Response:
        edit_scores.remove_score(slug, dimension, by=actor_of(request))
        return Response(status=204)
