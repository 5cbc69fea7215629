"""The soak's judges: they must find what they are there to find."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.soak.books import check, sums_agree
from benchmarks.soak.memory import MIB, Series, read_memory, slope_of, theil_sen
from benchmarks.soak.workers import Kill


@dataclass
class Rows:
    found: list[tuple[str, str]]
    name: str = "rows"
    sums: dict[str, int] = field(default_factory=dict)

    def rows(self, query: str):
        yield from self.found if query.startswith("SELECT id") else [(self.sums.get(query, len(self.found)),)]


def a_folder(folder: Path, answered: list[str], broken: list[dict[str, object]]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "answered").write_text("".join(f"{line}\n" for line in answered))
    (folder / "broken").write_text("".join(json.dumps(one) + "\n" for one in broken))
    return folder


def a_break(at: float = 100.0, line: int = 7, found: str = "") -> dict[str, object]:
    return {"at": at, "line": line, "id": found, "why": "cut"}


KILL = Kill(99.5, 1, frozenset({7}))


def test_books_that_agree(tmp_path) -> None:
    folder = a_folder(tmp_path, ["a 200", "b 404"], [a_break(found="c"), a_break()])
    rows = Rows([("a", "ok"), ("b", "invalid"), ("c", "interrupted"), ("d", "interrupted")])
    books = check(folder, rows, [KILL], is_exact=True)

    assert (books.answered, books.rows, books.broken, books.broken_with_row) == (2, 4, 2, 1)
    assert (books.missing, books.twice, books.not_ok, books.wrong, books.unknown, books.unexplained) == (0,) * 6


@pytest.mark.parametrize(
    ("answered", "rows", "what"),
    [
        (["a 200"], [], "missing"),
        (["a 200", "a 200"], [("a", "ok")], "twice"),
        (["a 200"], [("a", "interrupted")], "not_ok"),
        (["a wrong"], [("a", "ok")], "wrong"),
        (["a 200"], [("a", "ok"), ("b", "ok")], "unknown"),
    ],
)
def test_books_that_do_not(tmp_path, answered, rows, what) -> None:
    assert getattr(check(a_folder(tmp_path, answered, []), Rows(rows), [], is_exact=True), what) == 1


def test_one_row_twice_cannot_go_unseen(tmp_path) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        check(a_folder(tmp_path, ["a 200"], []), Rows([("a", "ok"), ("a", "ok")]), [], is_exact=True)


@pytest.mark.parametrize(
    ("one", "is_exact", "unexplained"),
    [
        (a_break(), True, 0),
        (a_break(line=8), True, 1),
        (a_break(line=8), False, 0),
        (a_break(at=50.0), False, 1),
        (a_break(at=120.0), True, 1),
    ],
)
def test_a_broken_request_needs_a_kill_to_blame(tmp_path, one, is_exact, unexplained) -> None:
    assert check(a_folder(tmp_path, [], [one]), Rows([]), [KILL], is_exact=is_exact).unexplained == unexplained


def test_sums_that_differ_by_one_are_found() -> None:
    names = ("requests", "requests by minute", "requests by hour", "requests by day", "attempts", "attempts by day")
    sums = dict.fromkeys((*names, "cost", "cost of attempts", "cost by hour"), 5)

    assert sums_agree(sums)
    assert not any(sums_agree(sums | {name: 6}) for name in sums)


def test_a_leak_is_found_under_noise_and_a_step_at_the_start_is_no_leak() -> None:
    random.seed(1)
    noise = [random.gauss(0, 0.3) for _ in range(720)]

    def series(grow: float) -> Series:
        sizes = [int((80 + (5 if at < 60 else 0) + grow * at / 720 + noise[at]) * MIB) for at in range(720)]
        return Series("gateway", 1, 0.0, [5.0 * at for at in range(720)], sizes)

    flat, leaking = slope_of(series(0), 600), slope_of(series(10), 600)
    assert flat is not None
    assert leaking is not None
    assert abs(flat.mib_per_hour) < 0.5
    assert flat.low < flat.mib_per_hour < flat.high < leaking.low
    assert leaking.mib_per_hour == pytest.approx(10, abs=0.6)
    assert slope_of(series(0), 3_590) is None


def test_theil_sen_is_deaf_to_a_few_wild_points() -> None:
    ys = [2.0 * x for x in range(50)]
    ys[10] = ys[40] = 1_000.0

    assert theil_sen(range(50), ys)[1] == pytest.approx(2.0)


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert read_memory(2**22 - 1) is None
    own = read_memory(1)
    assert own is None or own[0] >= 0
