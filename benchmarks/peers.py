"""The peers of the comparison, each installed in an environment of its own under benchmarks/peers/, pinned by its lock file."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
LITELLM, PORTKEY = PEERS / "litellm", PEERS / "portkey"


class NotInstalled(RuntimeError):
    """Why a peer is not there; the report says it and goes on without."""


def install_litellm() -> Path:
    """Its command. The lock file is for the Python that runs this."""
    command = LITELLM / "env" / "bin" / "litellm"
    lock = LITELLM / "requirements.lock"
    if not _is_current(LITELLM, lock, command):
        print("Installing LiteLLM proxy for the comparison (once) …", flush=True)
        environment = LITELLM / "env"
        shutil.rmtree(environment, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(environment)], LITELLM)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "--requirement", str(lock)], LITELLM)
        _note_current(LITELLM, lock)
    return command


def install_portkey() -> Path:
    """Its start script for node."""
    script = PORTKEY / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    lock = PORTKEY / "package-lock.json"
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise NotInstalled(f"{tool} is not on this machine")
    if not _is_current(PORTKEY, lock, script):
        print("Installing Portkey gateway for the comparison (once) …", flush=True)
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"], PORTKEY)
        _note_current(PORTKEY, lock)
    return script


def litellm_version() -> str:
    lines = (LITELLM / "requirements.lock").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith("litellm=="))


def portkey_version() -> str:
    packages = json.loads((PORTKEY / "package-lock.json").read_text())["packages"]
    return str(packages["node_modules/@portkey-ai/gateway"]["version"])


def _is_current(folder: Path, lock: Path, product: Path) -> bool:
    stamp = folder / "installed"
    return product.exists() and stamp.exists() and stamp.read_text() == hashlib.sha256(lock.read_bytes()).hexdigest()


def _note_current(folder: Path, lock: Path) -> None:
    (folder / "installed").write_text(hashlib.sha256(lock.read_bytes()).hexdigest())


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()[-1]
        raise NotInstalled(f"{Path(command[0]).name} could not install it: {words[:300]}")
