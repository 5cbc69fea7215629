"""Where a request's time goes: benchmarks/stages.py run against the mock, in a workspace with all features on."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import cores, free_port, pinned
from benchmarks.mock import Mock
from benchmarks.subjects import ALL, PROJECT, prepare, signalbox_environment


def measure() -> dict[str, Any]:
    """Mean CPU µs of each stage of one request at a time."""
    server_core, mock_core = cores()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder, Mock(free_port(), mock_core) as mock:
        environment = signalbox_environment(Path(folder), free_port())
        key = prepare([str(mock.port), ALL], environment).splitlines()[-1]
        done = subprocess.run(
            [*pinned(server_core), sys.executable, "-m", "benchmarks.stages", key],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
