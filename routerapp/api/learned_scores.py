"""/api/learned-scores: what use taught of each model, with intervals and sources; the job that works it out, asked for now."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.endpoint import Endpoint, described, read_query
from routerapp.api.jobs import JobSerializer
from routerapp.api.paging import PageQuery, page_of, page_shape
from routerapp.models import LearnedScore, ScoreKind
from routerapp.serving.learning_jobs import learn_now

TAG = "Models"


class LearnedScoreSerializer(serializers.ModelSerializer):
    """Posterior mean with its 95 % interval, 0 to 1; how many judgements, of which sources, at what weight; what was set aside."""

    sources = serializers.DictField(child=serializers.DictField(child=serializers.FloatField()))

    class Meta:
        model = LearnedScore
        fields = (
            "language_model",
            "kind",
            "subject",
            "mean",
            "low",
            "high",
            "judgements",
            "effective",
            "sources",
            "set_aside",
            "prior_share",
            "newest_ms",
            "is_used",
            "made_at_ms",
        )


class LearnedScoreQuery(PageQuery):
    language_model = serializers.CharField(required=False, max_length=100)
    kind = serializers.ChoiceField(choices=ScoreKind.choices, required=False)


class LearnedScores(Endpoint):
    actions = {"GET": "read", "POST": "train_predictor"}

    @described(
        "Scores learned from use",
        page_shape(LearnedScoreSerializer),
        query=LearnedScoreQuery,
        tag=TAG,
        name="learned_scores_list",
    )
    def get(self, request: Request) -> Response:
        query = read_query(request, LearnedScoreQuery)
        where = {name: query[name] for name in ("language_model", "kind") if name in query}
        return page_of(LearnedScore.objects.filter(**where), LearnedScoreSerializer, query)

    @described("Learn from what came back, now: a job", JobSerializer, status=202, tag=TAG, name="learned_scores_make")
    def post(self, request: Request) -> Response:
        return Response(JobSerializer(learn_now(by=actor_of(request))).data, status=202)
