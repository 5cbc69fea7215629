"""Pictures of the documentation: each is there, is shown somewhere, is small, and is one that `make tour` takes or a benchmark draws."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT

IMAGES = ROOT / "docs" / "images"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_BYTES, MOST_BYTES_IN_ALL = 200_000, 3_000_000
_SHOWN = re.compile(r"""!\[[^\]]*\]\(([^)\s]+)\)|<img src="([^"]+)\"""")


def shown() -> set[str]:
    """Paths from the root, of every picture a document shows."""
    found = set()
    for document in DOCUMENTS:
        for match in _SHOWN.finditer(document.read_text()):
            target = match[1] or match[2]
            found.add(str((document.parent / target).resolve().relative_to(ROOT)))
    return found


def test_every_picture_shown_exists():
    assert [path for path in sorted(shown()) if not (ROOT / path).is_file()] == []


def test_every_picture_is_shown():
    assert {str(path.relative_to(ROOT)) for path in IMAGES.iterdir()} - shown() == set()


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_a_picture_is_small(path):
    assert path.suffix in (".png", ".svg")
    assert path.stat().st_size <= MOST_BYTES


def test_all_pictures_together_are_small():
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) <= MOST_BYTES_IN_ALL


def test_every_picture_is_one_the_tour_takes():
    pictures = (ROOT / "tests" / "browser" / "screenshots.py").read_text()

    assert {path.stem for path in IMAGES.glob("*.png")} == set(re.findall(r'Picture\("([a-z-]+)"', pictures))


def test_every_chart_is_one_that_a_benchmark_draws():
    code = "".join(path.read_text() for path in (ROOT / "benchmarks").glob("*.py"))

    assert [path.name for path in IMAGES.glob("*.svg") if path.name not in code] == []


def test_every_picture_has_words_for_who_cannot_see_it():
    for document in DOCUMENTS:
        assert not re.search(r"!\[\]\(", document.read_text()), document
