"""What the README says must stay true: its links, its commands, its variables, its map of the code, its Python."""

from __future__ import annotations

import ast
import re

import pytest

from routerapp.environment import KNOWN
from tests.architecture.tree import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = ["README.md", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    path = ROOT / document
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text())
    missing = [t for t in targets if "://" not in t and not (path.parent / t).exists()]

    assert missing == []


def test_every_make_command_named_exists():
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`?make ([a-z]+)`?", README)) - {"and"}

    assert {"run", "test", "help", "bench"} <= named
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_every_variable_named_is_known():
    assert set(re.findall(r"SIGNALBOX_[A-Z_]+", README)) <= KNOWN


def test_the_map_of_the_code_is_the_tree():
    tree = README.split("```\nrouterapp/engine/", 1)[1].split("```", 1)[0]
    folders = ["routerapp/engine/", *re.findall(r"^([a-z/]+/)", tree, re.MULTILINE)]

    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
    assert {f"routerapp/{p.name}/" for p in (ROOT / "routerapp").iterdir() if (p / "__init__.py").exists()} - {
        "routerapp/migrations/",
        "routerapp/learning/",
        "routerapp/experiments/",
    } <= set(folders)


def test_the_python_in_it_parses():
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        ast.parse(code)
