"""/api/solve-target and /api/fit-routes: numbers for a strategy, found on recent requests or on examples. Nothing is saved."""

from __future__ import annotations

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import DocumentField, StrictSerializer
from routerapp.serving.fit_routes import MOST_EXAMPLES, CannotFit, fit_routes
from routerapp.serving.refusals import invalid
from routerapp.serving.solve_target import CannotSolve, solve_target

TAG = "Policies"


class WishSerializer(StrictSerializer):
    use = DocumentField(
        help_text="Of a rule or a default: pool and a strategy learned or threshold that names a target."
    )


class SolvedSerializer(serializers.Serializer):
    solved = serializers.DictField(
        child=serializers.FloatField(), help_text="What to write under `solved` of the strategy."
    )
    quality = serializers.FloatField(help_text="Mean predicted quality of those requests with it, 0 to 1.")
    usd_per_1000 = serializers.FloatField(allow_null=True, help_text="null for a threshold")
    share_dear = serializers.FloatField(help_text="Share of them that goes to the dearest (or strong) model.")
    is_met = serializers.BooleanField()
    problem = serializers.CharField(allow_blank=True, help_text="Why the wish is not met, and the nearest that can be.")
    requests = serializers.IntegerField(help_text="How many recent requests it rests on.")
    recorded = serializers.IntegerField(help_text="Of these, predicted when they came; the others now, from content.")
    looked_at = serializers.IntegerField()
    since_ms = serializers.IntegerField(allow_null=True)


class ExamplesSerializer(StrictSerializer):
    routes = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=10_000), max_length=MOST_EXAMPLES),
        help_text="Name of each route -> its example utterances.",
    )


class FittedRouteSerializer(serializers.Serializer):
    threshold = serializers.FloatField(help_text="Cosine similarity, -1 to 1.")
    recall = serializers.FloatField(allow_null=True, help_text="Share of its own examples that come to the route.")
    false_share = serializers.FloatField(allow_null=True, help_text="Share of the others' examples that do.")


class FittedSerializer(serializers.Serializer):
    routes = serializers.DictField(child=FittedRouteSerializer())
    words = serializers.CharField(allow_blank=True)


class TargetSolution(Endpoint):
    actions = {"POST": "edit_draft"}

    @described(
        "Solve a wish of a strategy on recent requests",
        SolvedSerializer,
        takes=WishSerializer,
        tag=TAG,
        name="targets_solve",
    )
    def post(self, request: Request) -> Response:
        try:
            found = solve_target(read_body(request, WishSerializer)["use"], settings.DATA_DIR)
        except CannotSolve as error:
            raise invalid("use", "cannot_solve", str(error)) from None
        return Response(SolvedSerializer(found).data)


class RouteFit(Endpoint):
    actions = {"POST": "edit_draft"}

    @described(
        "Fit the thresholds of semantic routes to their examples",
        FittedSerializer,
        takes=ExamplesSerializer,
        tag=TAG,
        name="routes_fit",
    )
    def post(self, request: Request) -> Response:
        asked = read_body(request, ExamplesSerializer)["routes"]
        try:
            found = fit_routes({name: tuple(texts) for name, texts in asked.items()})
        except CannotFit as error:
            raise invalid("routes", "cannot_fit", str(error)) from None
        routes = {
            name: {
                "threshold": fit.threshold,
                "recall": fit.recall if fit.is_judged else None,
                "false_share": fit.false_share if fit.is_judged else None,
            }
            for name, fit in found.routes.items()
        }
        return Response({"routes": routes, "words": found.words})
