"""The matrix as docs/sdk-matrix.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from tests.matrix.cells import DIALECTS, LANGUAGES, TASKS, UPSTREAMS, Cell, Task, Upstream
from tests.matrix.node_clients import FOLDER

PATH = Path(__file__).parents[2] / "docs" / "sdk-matrix.md"
_PACKAGES = {"openai": ("openai", "openai"), "anthropic": ("anthropic", "@anthropic-ai/sdk")}
_ENDPOINTS = {"openai": "`POST /v1/chat/completions` and `/v1/embeddings`", "anthropic": "`POST /v1/messages`"}
_NAMES = {"openai": "OpenAI", "anthropic": "Anthropic"}
_HEAD = """# SDK matrix

Written by `python -m tests.matrix`; a test checks that it is what the run gives.

Both official SDKs, in Python and Node, with nothing changed but address, key and model, against the gateway; behind it every kind of
upstream as a loopback server in its vendor's wire format. Those servers check each request against the vendor's documented shape
(unknown members, roles and blocks, required headers, versions, the order of calls and results) and refuse what is wrong in the
vendor's words. The *simulated* provider checks nothing and answers what it likes in the form asked for.

- ✓: with both languages the client got the answer, the tool calls, the finish reason, the counted usage and a cost.
- a number: impossible there. The gateway refuses it by name before anything is sent, for the reason below.
"""


def document(faults: Mapping[str, str]) -> str:
    """faults: by cell id, empty for a cell that did what it must."""
    reasons: list[str] = []
    parts = [_HEAD]
    for dialect in DIALECTS:
        parts.append(f"\n## {_NAMES[dialect]} SDKs\n\n{_packages(dialect)} at {_ENDPOINTS[dialect]}.\n")
        parts.append("\n| | " + " | ".join(upstream.title for upstream in UPSTREAMS) + " |")
        parts.append("\n|---|" + "---|" * len(UPSTREAMS) + "\n")
        for task in TASKS:
            if dialect in task.members:
                parts += [_row(dialect, task, mode, faults, reasons) for mode in task.modes]
    if reasons:
        parts.append("\n## Impossible\n\n")
        parts += [f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1)]
    return "".join(parts)


def _packages(dialect: str) -> str:
    python, node = _PACKAGES[dialect]
    pinned = json.loads((FOLDER / "package.json").read_text())["dependencies"][node]
    return f"Python `{python}` {version(python)}, Node `{node}` {pinned},"


def _row(dialect: str, task: Task, mode: str, faults: Mapping[str, str], reasons: list[str]) -> str:
    found = [_word(dialect, task, mode, upstream, faults, reasons) for upstream in UPSTREAMS]
    return f"| {task.title}, {mode} | " + " | ".join(found) + " |\n"


def _word(
    dialect: str, task: Task, mode: str, upstream: Upstream, faults: Mapping[str, str], reasons: list[str]
) -> str:
    cells = [Cell(dialect, language, upstream, task, mode) for language in LANGUAGES]
    broken = [cell.language for cell in cells if faults[cell.id]]
    if broken:
        return f"✗ {', '.join(broken)}"
    reason = cells[0].impossible
    if not reason:
        return "✓"
    if reason not in reasons:
        reasons.append(reason)
    return str(reasons.index(reason) + 1)
