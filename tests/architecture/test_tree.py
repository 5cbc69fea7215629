"""What must not be in the tree, and what must stay true of it."""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.tree import ROOT, files, name_of, tracked


def test_models_and_migrations_agree():
    result = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_vendored_files_are_what_they_say():
    listed = tomllib.loads((ROOT / "static/vendor/VENDORED.toml").read_text())["file"]
    for entry in listed:
        content = (ROOT / "static/vendor" / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["name"]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_are_hashed_and_name_no_index(lock):
    text = (ROOT / lock).read_text()
    packages = re.findall(r"^[a-z0-9][^ ]*==", text, re.MULTILINE)

    assert "://" not in text and "--index" not in text and "--find-links" not in text
    assert len(packages) > 50 and text.count("--hash=sha256:") >= len(packages)


def test_no_raw_sql_is_built_from_strings():
    """Raw SQL passes values as parameters; the two escapes of the ORM are not used at all."""
    pattern = re.compile(r"\.raw\(|\.extra\(|RawSQL\(|execute\(\s*f[\"'].*\{(?!_?[A-Z]|places|columns|table|', '.join)")
    assert [name_of(path) for path in files(".py", below="routerapp/") if pattern.search(path.read_text())] == []


def test_dangerous_calls_are_absent():
    pattern = re.compile(r"\beval\(|\bexec\(|\bpickle\b|yaml\.load\(|mark_safe\(|shell=True")
    found = [
        name_of(path)
        for path in (*files(".py", below="routerapp/"), *files(".py", below="dashboard/"))
        if pattern.search(path.read_text())
    ]

    assert found == []


def test_only_patterns_written_here_reach_the_backtracking_engine():
    """The standard library's `re` compiles literals of ours; what people write goes through RE2."""
    wrong = []
    for path in (*files(".py", below="routerapp/"), *files(".py", below="dashboard/")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if is_call and getattr(node.func.value, "id", "") == "re" and node.args:
                if not isinstance(node.args[0], ast.Constant) and node.func.attr != "escape":
                    wrong.append(f"{name_of(path)}:{node.lineno}")

    assert wrong == []


def test_only_one_place_opens_outgoing_connections():
    pattern = re.compile(
        r"\baiohttp\.ClientSession\(|\bhttpx\.(?:Async)?Client\(|\bhttpx\.(?:get|post)\(|\brequests\.(?:get|post)\("
    )
    found = {name_of(path) for path in files(".py", below="routerapp/") if pattern.search(path.read_text())}

    assert all(name.startswith("routerapp/providers/") for name in found), found


def test_no_word_that_means_unfinished():
    words = re.compile(
        r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK", "NotImplemented" + "Error")) + r")\b"
    )
    found = [
        name_of(p) for p in tracked() if p.suffix in {".py", ".html", ".js", ".css"} and words.search(p.read_text())
    ]

    assert found == []
