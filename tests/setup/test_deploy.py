"""The files in deploy/ say only what this product knows: variables, commands, paths, and times long enough to end in order."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from routerapp.database_settings import read_database
from routerapp.environment import KNOWN
from routerapp.management.gateway_plans import DRAINER, JOBS, SPARE_STOP_SECONDS
from routerapp.valkey_settings import read_valkey
from routerapp.worker_settings import WorkerSettings

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
KUBERNETES = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
ROUTERS = {name: service for name, service in COMPOSE["services"].items() if name.startswith("router-")}
FILES = [DEPLOY / name for name in ("Dockerfile", "start.sh", "compose.yaml", "haproxy.cfg")]
FILES += sorted((DEPLOY / "kubernetes").glob("*.yaml"))
LONGEST_STOP_SECONDS = WorkerSettings().drain_seconds + SPARE_STOP_SECONDS + DRAINER.stop_seconds + JOBS.stop_seconds


def named(kind: str, name: str) -> dict[str, Any]:
    return next(one for one in KUBERNETES if one["kind"] == kind and one["metadata"]["name"] == name)


def workload(name: str) -> dict[str, Any]:
    return named("Deployment" if name == "valkey" else "StatefulSet", name)


def pod(name: str) -> dict[str, Any]:
    return workload(name)["spec"]["template"]["spec"]


def container(name: str) -> dict[str, Any]:
    return pod(name)["containers"][0]


def urls() -> Iterator[str]:
    yield named("ConfigMap", "signalbox")["data"]["SIGNALBOX_DATABASE_URL"]
    yield from (router["environment"]["SIGNALBOX_DATABASE_URL"] for router in ROUTERS.values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_variable_named_is_one_we_read(path) -> None:
    assert set(re.findall(r"SIGNALBOX_[A-Z_]+", path.read_text())) <= KNOWN


def test_every_database_address_can_be_read(tmp_path) -> None:
    for url in urls():
        settings = read_database({"SIGNALBOX_DATABASE_URL": url}, tmp_path)
        assert settings["HOST"] in {"postgres", "postgresql"}
        assert settings["PASSWORD"] == ""


def test_what_is_run_exists() -> None:
    commands = [*container("signalbox")["args"], *re.findall(r'^CMD \["(\w+)"\]', FILES[0].read_text(), re.MULTILINE)]

    assert commands == ["run", "run"]
    assert all(
        get_commands().get(command) == "routerapp.management" or command in get_commands() for command in commands
    )


def test_the_image_copies_what_is_there_and_is_nobody() -> None:
    text = FILES[0].read_text()
    for source in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (PROJECT / name).exists()
            assert f"!{name}" in (PROJECT / ".dockerignore").read_text().splitlines()
    assert text.rindex("USER 10001") > text.rindex("RUN ")
    assert "--require-hashes" in text


def test_what_replicas_share_is_where_they_look_for_it() -> None:
    addresses = [named("ConfigMap", "signalbox")["data"], *(router["environment"] for router in ROUTERS.values())]
    found = [read_valkey(variables) for variables in addresses]

    assert len(found) == 3 and all(found)
    assert {address["SIGNALBOX_VALKEY_URL"] for address in addresses} == {"redis://valkey:6379/0"}
    assert "valkey" in COMPOSE["services"]
    assert named("Service", "valkey")["spec"]["ports"][0]["port"] == 6379


@pytest.mark.parametrize("name", ["signalbox", "postgresql", "valkey"])
def test_nothing_on_kubernetes_is_root_or_may_become_it(name) -> None:
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["securityContext"]["runAsUser"] >= 999
    assert container(name)["securityContext"]["allowPrivilegeEscalation"] is False
    assert container(name)["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_there_is_time_to_end_in_order() -> None:
    spec = pod("signalbox")
    waits = int(container("signalbox")["lifecycle"]["preStop"]["exec"]["command"][1])

    assert spec["terminationGracePeriodSeconds"] >= LONGEST_STOP_SECONDS + waits
    for router in ROUTERS.values():
        assert int(router["stop_grace_period"].removesuffix("s")) >= LONGEST_STOP_SECONDS


def test_probes_ask_what_the_gateway_answers() -> None:
    from routerapp.asgi import GATEWAY_PATHS

    probes = [
        container("signalbox")[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    ]

    assert probes == ["/livez", "/livez", "/readyz"]
    assert set(probes) <= GATEWAY_PATHS
    assert "GET /readyz" in (DEPLOY / "haproxy.cfg").read_text()


def test_every_replica_has_a_journal_of_its_own_that_outlives_it() -> None:
    volumes = [router["volumes"] for router in ROUTERS.values()]
    claims = named("StatefulSet", "signalbox")["spec"]["volumeClaimTemplates"]

    assert len(volumes) == len({str(one) for one in volumes}) == 2
    assert all(one[0].split(":")[0] in COMPOSE["volumes"] for one in volumes)
    assert [claim["metadata"]["name"] for claim in claims] == ["data"]
    assert {"name": "data", "mountPath": "/data"} in container("signalbox")["volumeMounts"]


def test_no_secret_stands_in_them() -> None:
    for router in ROUTERS.values():
        assert set(router["secrets"]) == set(COMPOSE["secrets"])
    assert not [one for one in KUBERNETES if one["kind"] == "Secret"]
    assert "/secrets/" in (PROJECT / ".gitignore").read_text()


def test_the_balancer_knows_every_replica() -> None:
    servers = re.findall(r"^ +server (\S+) (\S+):8000$", (DEPLOY / "haproxy.cfg").read_text(), re.MULTILINE)

    assert servers == [(name, name) for name in ROUTERS]


def test_the_root_secret_is_put_into_an_empty_data_folder_once(tmp_path) -> None:
    programs, data = tmp_path / "bin", tmp_path / "data"
    programs.mkdir()
    data.mkdir()
    (programs / "python").write_text('#!/bin/sh\necho "$@"\n')
    (programs / "python").chmod(0o755)
    variables = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "SIGNALBOX_DATA_DIR": str(data),
        "ROOT_KEY_FILE": str(tmp_path / "root.key"),
    }
    for content in ("first", "second"):
        (tmp_path / "root.key").write_text(content)
        printed = subprocess.run(
            ["sh", DEPLOY / "start.sh", "run"], env=variables, capture_output=True, text=True, check=True
        )

    assert printed.stdout == "manage.py run\n"
    assert (data / "root.key").read_text() == "first"
    assert stat.S_IMODE((data / "root.key").stat().st_mode) == 0o600
