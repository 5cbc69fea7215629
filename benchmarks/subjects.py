"""What is compared: the mock asked directly, Signalbox with all, some or no features, LiteLLM proxy, Portkey gateway. Each started as its users start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import peers
from benchmarks.bodies import a_body, a_long_body
from benchmarks.load import Ask
from benchmarks.machine import free_port, pinned
from benchmarks.process_tree import Running

PROJECT = Path(__file__).resolve().parent.parent
ALL = "deployments,rules,limits,experiment"
CHAT = "/v1/chat/completions"
READY_SECONDS = 120


class CannotStart(RuntimeError):
    """Why a subject is not measured: said in the report."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to measure. shares: the subject whose processes it asks. streams: paced streams at once (100 chunks/s each) well below saturation."""

    name: str
    label: str
    kind: str
    features: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    is_route_only: bool = False
    shares: str = ""
    streams: int = 32
    open_streams: int = 2_000


SUBJECTS = (
    Subject("direct", "direct to the mock", "direct"),
    Subject("signalbox", "Signalbox, all features on", "signalbox", ALL),
    Subject("route", "Signalbox, route only", "signalbox", ALL, is_route_only=True, shares="signalbox"),
    Subject("plain", "Signalbox, all features off", "signalbox"),
    Subject("litellm", "LiteLLM proxy", "litellm", streams=2, open_streams=200),
    Subject("portkey", "Portkey gateway", "portkey", streams=8, open_streams=500),
)
# Each alone on top of `plain`, or one setting changed on top of all.
ITEMS = (
    Subject("deployments", "eight deployments, balanced", "signalbox", "deployments"),
    Subject("rules", "ten rules, two constraints", "signalbox", "rules"),
    Subject("limits", "limits and budgets of key and team", "signalbox", "limits"),
    Subject("experiment", "an experiment with two arms", "signalbox", "experiment"),
    Subject("synced", "all, journal synced to disk", "signalbox", ALL, {"SIGNALBOX_DURABILITY": "machine"}),
)
WORKERS = (
    Subject("one_worker", "Signalbox, one worker", "signalbox", ALL, {"SIGNALBOX_WORKERS": "1"}),
    Subject("two_workers", "Signalbox, two workers", "signalbox", ALL, {"SIGNALBOX_WORKERS": "2"}),
)


@dataclass(slots=True)
class Started:
    """A subject that answers. asks by the kind of request: 2 KB, 50 KB, stream."""

    subject: Subject
    port: int
    running: Running | None
    headers: dict[str, str]
    model: str = "auto"

    def ask(self, kind: str = "2 KB") -> Ask:
        if self.subject.is_route_only:
            body = a_long_body(self.model) if kind == "50 KB" else a_body(self.model)
            return Ask(self.port, "/v1/router/route", self.headers, body, expect="estimated_cost_usd")
        if kind == "stream":
            return Ask(self.port, CHAT, self.headers, a_body(self.model, stream=True), is_stream=True)
        body = a_long_body(self.model) if kind == "50 KB" else a_body(self.model)
        return Ask(self.port, CHAT, self.headers, body)


def start(subject: Subject, mock_port: int, folder: Path, core: int | None) -> Started:
    """In a folder of its own inside that folder. Raises CannotStart with the reason."""
    own = folder / subject.name
    own.mkdir()
    if subject.kind == "direct":
        return Started(subject, mock_port, None, {})
    port = free_port()
    try:
        starter = {"signalbox": _signalbox, "litellm": _litellm, "portkey": _portkey}[subject.kind]
        started = starter(subject, port, mock_port, own, core)
    except peers.NotInstalled as reason:
        raise CannotStart(str(reason)) from None
    _wait_until_answering(started)
    return started


def _signalbox(subject: Subject, port: int, mock_port: int, folder: Path, core: int | None) -> Started:
    environment = {**signalbox_environment(folder, port), **subject.settings}
    # Migrating takes most of the preparation, so it is done once, for all.
    base = folder.parent / "signalbox-base"
    if not base.exists():
        prepare(["base"], {**signalbox_environment(folder, port), "SIGNALBOX_DATA_DIR": str(base)})
    shutil.copytree(base, folder / "data")
    key = prepare([str(mock_port), subject.features], environment).splitlines()[-1]
    command = [*pinned(core), sys.executable, str(PROJECT / "manage.py"), "run"]
    return Started(subject, port, Running(command, environment, folder, "serve"), {"authorization": f"Bearer {key}"})


def signalbox_environment(folder: Path, port: int) -> dict[str, str]:
    return {
        **_bare_environment(folder),
        "DJANGO_SETTINGS_MODULE": "routerapp.settings",
        "SIGNALBOX_DATA_DIR": str(folder / "data"),
        "SIGNALBOX_PORT": str(port),
        "SIGNALBOX_DEMO": "0",
        "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1",
        "PYTHONPATH": str(PROJECT),
    }


def prepare(arguments: list[str], environment: dict[str, str]) -> str:
    """Fills a data folder (workspace.py) and returns what that printed."""
    workspace = [sys.executable, str(PROJECT / "benchmarks" / "workspace.py"), *arguments]
    prepared = subprocess.run(workspace, env=environment, capture_output=True, text=True, check=False)
    if prepared.returncode:
        raise CannotStart(_shortened(prepared.stderr))
    return prepared.stdout.strip()


def _litellm(subject: Subject, port: int, mock_port: int, folder: Path, core: int | None) -> Started:
    """As its guide for production says: one worker a core, master key, quiet logs; no database; prices from its own package."""
    command = peers.install_litellm()
    (folder / "config.yaml").write_text(
        "model_list:\n  - model_name: mock\n    litellm_params:\n      model: openai/mock-model\n"
        f"      api_base: http://127.0.0.1:{mock_port}/v1\n      api_key: sk-mock\n"
        "litellm_settings:\n  set_verbose: false\ngeneral_settings:\n  master_key: sk-benchmark\n"
    )
    environment = {
        **_bare_environment(folder),
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    options = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    running = Running([*pinned(core), str(command), *options], environment, folder, None)
    return Started(subject, port, running, {"authorization": "Bearer sk-benchmark"}, "mock")


def _portkey(subject: Subject, port: int, mock_port: int, folder: Path, core: int | None) -> Started:
    script = peers.install_portkey()
    environment = {**_bare_environment(folder), "NODE_ENV": "production"}
    running = Running([*pinned(core), "node", str(script), "--headless", f"--port={port}"], environment, folder, None)
    headers = {
        "authorization": "Bearer sk-mock",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{mock_port}/v1",
    }
    return Started(subject, port, running, headers, "mock-model")


def _bare_environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return {**kept, "HOME": str(folder)}


def _wait_until_answering(started: Started) -> None:
    """Until a chat is answered: some say they are ready before they are."""
    assert started.running is not None
    ask = started.ask()
    url = f"http://127.0.0.1:{started.port}{ask.path}"
    headers = {"content-type": "application/json", **ask.headers}
    deadline, said = time.monotonic() + READY_SECONDS, ""
    while time.monotonic() < deadline and not started.running.has_ended():
        try:
            with urllib.request.urlopen(urllib.request.Request(url, ask.body, headers), timeout=10) as answer:
                answer.read()
                return
        except urllib.error.HTTPError as error:
            said = f"answered {error.code}: {error.read()[:200].decode(errors='replace')}"
        except OSError as error:
            said = str(error)
        time.sleep(0.2)
    words = started.running.last_words() if started.running.has_ended() else said
    started.running.stop()
    raise CannotStart(_shortened(words))


def _shortened(words: str) -> str:
    """The last line, which says what was wrong."""
    return (words.strip() or "it ended without a word").splitlines()[-1][:160]
