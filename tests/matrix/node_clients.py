"""The official Node SDKs doing the jobs of the matrix: their packages installed from the lock file, one process for each SDK."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "node"
INSTALL_SECONDS, RUN_SECONDS = 120, 120
_STAMP = FOLDER / "node_modules" / "installed-lock.sha256"


class CannotRun(Exception):
    """Node, npm or the packages cannot be had here; says why."""


def run_node(script: str, url: str, key: str, jobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Outcomes by the ids of the jobs. Raises CannotRun."""
    node = _found("node")
    install()
    done = subprocess.run(
        [node, script],
        cwd=FOLDER,
        input=json.dumps({"url": url, "key": key, "jobs": list(jobs)}),
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"node {script} ended with {done.returncode}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def install() -> None:
    """The packages of the lock file, once for each lock file. Raises CannotRun."""
    digest = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.exists() and _STAMP.read_text() == digest:
        return
    command = [_found("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CannotRun("npm could not fetch the Node packages in time.") from None
    if done.returncode != 0:
        raise CannotRun(f"npm could not install the Node packages: {done.stderr.strip()[-300:]}")
    _STAMP.write_text(digest)


def _found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise CannotRun(f"{name} is not installed.")
    return path


def _environment() -> dict[str, str]:
    """Without proxies and without keys that an SDK would pick up."""
    dropped = ("_proxy", "openai_", "anthropic_")
    return {name: value for name, value in os.environ.items() if not any(one in name.lower() for one in dropped)}
