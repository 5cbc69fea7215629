"""/api/refit: whether the predictor in force is trained again of its own accord, when next, and what became of the last time."""

from __future__ import annotations

from dataclasses import asdict

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.authentication import actor_of
from routerapp.api.benchmarks import TAG
from routerapp.api.endpoint import Endpoint, described, read_body
from routerapp.api.fields import StrictSerializer
from routerapp.api.jobs import JobSerializer
from routerapp.serving.refit_schedule import EVERY, ask_for_refit, read_refit, set_refit_schedule


class LastRefitSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    outcome = serializers.CharField(
        help_text="nothing_in_force, no_recipe, too_little_new, refused, training, failed, same, promoted or waits"
    )
    words = serializers.CharField()
    predictor = serializers.CharField(allow_blank=True, help_text="name@version it made")
    job = serializers.IntegerField(help_text="its training; 0 without one")


class RefitSerializer(serializers.Serializer):
    every = serializers.ChoiceField(choices=EVERY)
    promotes = serializers.BooleanField(
        help_text="Put it in force without a person where both halves of the champion gate say better."
    )
    next_at = serializers.DateTimeField(allow_null=True)
    last = LastRefitSerializer(allow_null=True)


class RefitChangeSerializer(StrictSerializer):
    every = serializers.ChoiceField(choices=EVERY)
    promotes = serializers.BooleanField(required=False, default=False)


class RefitView(Endpoint):
    actions = {"GET": "read", "PUT": "schedule_refit", "POST": "train_predictor"}

    @described("The scheduled refit", RefitSerializer, tag=TAG, name="refit_read")
    def get(self, request: Request) -> Response:
        return _answer()

    @described("Schedule it", RefitSerializer, takes=RefitChangeSerializer, tag=TAG, name="refit_schedule")
    def put(self, request: Request) -> Response:
        set_refit_schedule(**read_body(request, RefitChangeSerializer), by=actor_of(request))
        return _answer()

    @described("Refit now, if there is enough new: a job", JobSerializer, status=202, tag=TAG, name="refit_now")
    def post(self, request: Request) -> Response:
        return Response(JobSerializer(ask_for_refit(by=actor_of(request))).data, status=202)


def _answer() -> Response:
    state = read_refit(timezone.now())
    last = None if state.last is None else asdict(state.last)
    shown = {**asdict(state.schedule), "next_at": state.next_at, "last": last}
    return Response(RefitSerializer(shown).data)
