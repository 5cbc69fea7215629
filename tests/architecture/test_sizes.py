"""Budgets: when one presses, the design is asking for a new noun."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tree import files, name_of

FILE_LINES = 400
FUNCTION_LINES = 50
TEMPLATE_LINES = 150
SCRIPT_LINES = 300
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "managers", "constants", "services"}


def test_python_files_stay_within_their_budget():
    long = {
        name_of(path): count
        for path in files(".py")
        if "/migrations/" not in str(path) and (count := len(path.read_text().splitlines())) > FILE_LINES
    }

    assert long == {}


def test_functions_stay_within_their_budget():
    long = {}
    for path in files(".py"):
        if "/migrations/" in str(path):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES:
                    long[f"{name_of(path)}:{node.name}"] = lines

    assert long == {}


@pytest.mark.parametrize(("suffix", "budget"), [(".html", TEMPLATE_LINES), (".js", SCRIPT_LINES)])
def test_templates_and_scripts_stay_within_their_budget(suffix, budget):
    long = {name_of(p): count for p in files(suffix) if (count := len(p.read_text().splitlines())) > budget}

    assert long == {}


def test_no_file_is_named_for_nothing_in_particular():
    assert [name_of(path) for path in files(".py") if path.stem in VAGUE] == []


def test_package_files_that_must_stay_empty_are():
    from tests.architecture.tree import ROOT

    assert (ROOT / "routerapp" / "__init__.py").read_text() == ""
