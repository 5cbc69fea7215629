"""/api/system: how this installation is doing, as the System page shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from routerapp.api.endpoint import Endpoint, described
from routerapp.api.fields import DocumentField
from routerapp.serving.shown_settings import shown_settings
from routerapp.serving.system_state import Worker, read_system_state, read_versions

SHAPE = inline_serializer(
    "System",
    {
        "at": serializers.DateTimeField(),
        "workers": serializers.ListField(
            child=DocumentField(), help_text="Gateway workers, drainer and job worker, by their heartbeats."
        ),
        "keeps_state_apart": serializers.BooleanField(
            help_text="Several gateway processes, each with limits, turns and breakers of its own."
        ),
        "spool": DocumentField(),
        "jobs": DocumentField(help_text="How many there are of each state."),
        "waiting_messages": serializers.IntegerField(),
        "folder": DocumentField(),
        "versions": DocumentField(),
        "revisions": DocumentField(),
        "settings": serializers.ListField(
            child=DocumentField(), help_text="Each with its origin: environment, installation or default."
        ),
    },
)


class System(Endpoint):
    actions = {"GET": "read_system"}

    @described(
        "Processes, journal, jobs, disk, versions, revisions and settings", SHAPE, tag="System", name="system_read"
    )
    def get(self, request: Request) -> Response:
        state = read_system_state()
        return Response(
            {
                "at": state.at,
                "workers": [_worker(worker) for worker in state.workers],
                "keeps_state_apart": state.keeps_state_apart,
                "spool": asdict(state.spool),
                "jobs": state.jobs,
                "waiting_messages": state.waiting_messages,
                "folder": asdict(state.folder),
                "versions": asdict(read_versions()),
                "revisions": asdict(state.revisions),
                "settings": [asdict(one) for one in shown_settings()],
            }
        )


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "name": worker.name,
        "role": worker.role,
        "reported_at": worker.reported_at,
        "is_fresh": worker.is_fresh,
        "is_leaving": worker.is_leaving,
        "started_at": worker.started_at,
        "pid": worker.state.get("pid"),
        "node": worker.state.get("node"),
        "slot": worker.state.get("slot"),
        "config_revision": worker.config_revision,
        "serial": worker.serial,
        "in_flight": worker.state.get("in_flight"),
        "breakers": worker.breakers,
    }
