"""Pages obey the strict content security policy by construction."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import files, name_of

FORBIDDEN = {
    "inline style attribute": r"\sstyle\s*=",
    "inline event handler": r"<[^>{]*\son[a-z]+\s*=",
    "htmx inline script": r"\shx-on|\bjs:",
    "inline style element": r"<style",
    "address of a foreign host": r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//",
    "unsafe filter": r"\|\s*safe\b|\{%\s*autoescape off",
    "javascript address": r"javascript:",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_has(what):
    pattern = re.compile(FORBIDDEN[what], re.IGNORECASE)
    assert [name_of(path) for path in files(".html", below="templates/") if pattern.search(path.read_text())] == []


def test_every_script_element_names_a_file():
    bare = re.compile(r"<script(?![^>]*\bsrc=)", re.IGNORECASE)
    assert [name_of(path) for path in files(".html", below="templates/") if bare.search(path.read_text())] == []


def test_no_script_of_ours_evaluates_text():
    pattern = re.compile(r"\beval\(|new Function|\.innerHTML\s*=|insertAdjacentHTML|document\.write")
    assert [name_of(path) for path in files(".js", below="static/js/") if pattern.search(path.read_text())] == []
