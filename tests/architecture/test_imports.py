"""Who may import whom, as import-linter sees it, and what a gateway process must never load."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.tree import ROOT


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_imports_point_down_only():
    result = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_engine_loads_no_framework():
    code = (
        "import sys, routerapp.engine.decide, routerapp.engine.features; "
        "print([m for m in ('django', 'rest_framework', 'celery', 'httpx', 'aiohttp', 'plotly') if m in sys.modules])"
    )

    assert run("-c", code).stdout.strip() == "[]"


def test_the_gateway_loads_neither_charts_nor_learning_libraries():
    code = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'routerapp.settings'; django.setup(); "
        "import routerapp.gateway.app, routerapp.serving.serve_chat; "
        "print([m for m in ('plotly', 'sklearn', 'numpy', 'pandas', 'genai_prices') if m in sys.modules])"
    )
    result = run("-c", code)

    assert result.stdout.strip() == "[]", result.stdout + result.stderr
