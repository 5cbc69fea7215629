"""Whether what callers saw and what the database holds are the same requests: each answered one exactly once, and no other but the broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.soak.callers import Broken
from benchmarks.soak.databases import Database
from benchmarks.soak.workers import Kill

# Of one request the connection breaks a moment after the kill, or when its answer was due.
KILL_SECONDS = 5.0
OK_STATUSES = "('ok')"


@dataclass(slots=True)
class Books:
    """missing: answered without a row. twice: one id for two answers. not_ok: answered with 200 whose row says otherwise. unknown: rows
    that were neither answered nor broken, beyond those broken before they told an id. unexplained: broken without a kill to blame.
    """

    answered: int = 0
    rows: int = 0
    broken: int = 0
    broken_with_row: int = 0
    missing: int = 0
    twice: int = 0
    not_ok: int = 0
    wrong: int = 0
    rows_beyond: int = 0
    unknown: int = 0
    unexplained: int = 0
    rollups: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


def check(folder: Path, database: Database, kills: Sequence[Kill], *, is_exact: bool) -> Books:
    """is_exact: connections outlive a worker's end unless it held them, so each broken one must be among those that a kill lists."""
    broken = list(_broken(folder / "broken"))
    books = Books(broken=len(broken), unexplained=sum(not _is_explained(one, kills, is_exact) for one in broken))
    with sqlite3.connect(folder / "books.sqlite3") as paper:
        paper.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE answered (id TEXT, said TEXT);"
            "CREATE TABLE rows (id TEXT PRIMARY KEY, status TEXT) WITHOUT ROWID; CREATE TABLE broken (id TEXT)"
        )
        paper.executemany("INSERT INTO answered VALUES (?, ?)", _answered(folder / "answered"))
        paper.executemany("INSERT INTO rows VALUES (?, ?)", database.rows("SELECT id, status FROM routed_request"))
        paper.executemany("INSERT INTO broken VALUES (?)", [(one.id,) for one in broken if one.id])
        paper.execute("CREATE INDEX by_id ON answered (id)")
        _compare(paper, books)
    books.unknown = max(0, books.rows_beyond - sum(not one.id for one in broken))
    books.rollups = {name: int(next(iter(database.rows(query)))[0] or 0) for name, query in SUMS.items()}
    return books


SUMS = {
    "requests": "SELECT count(*) FROM routed_request",
    **{
        f"requests by {granularity}": f"SELECT sum(n) FROM request_rollup WHERE granularity = '{granularity}'"
        for granularity in ("minute", "hour", "day")
    },
    "attempts": "SELECT count(*) FROM attempt",
    "attempts by day": "SELECT sum(n) FROM attempt_rollup WHERE granularity = 'day'",
    "cost": "SELECT sum(cost_nusd) FROM routed_request",
    "cost of attempts": "SELECT sum(cost_nusd) FROM attempt",
    "cost by hour": "SELECT sum(cost_nusd) FROM request_rollup WHERE granularity = 'hour'",
}


def sums_agree(rollups: dict[str, int]) -> bool:
    groups = (
        ("requests", "requests by minute", "requests by hour", "requests by day"),
        ("attempts", "attempts by day"),
        ("cost", "cost of attempts", "cost by hour"),
    )
    return all(len({rollups[name] for name in group}) == 1 for group in groups)


def _compare(paper: sqlite3.Connection, books: Books) -> None:
    def count(query: str) -> int:
        return int(paper.execute(f"SELECT count(*) FROM ({query})").fetchone()[0])

    def some(what: str, query: str) -> int:
        books.examples += [f"{what}: {row[0]}" for row in paper.execute(f"{query} LIMIT 3")]
        return count(query)

    books.answered = count("SELECT 1 FROM answered")
    books.rows = count("SELECT 1 FROM rows")
    books.missing = some("no row", "SELECT id FROM answered WHERE id NOT IN (SELECT id FROM rows)")
    books.twice = some("two answers", "SELECT id FROM answered GROUP BY id HAVING count(*) > 1")
    books.wrong = some("unexpected answer", "SELECT id FROM answered WHERE said = 'wrong'")
    books.not_ok = some(
        "answered, but not ok",
        "SELECT a.id FROM answered a JOIN rows r USING (id) WHERE a.said = '200' AND r.status <> 'ok'",
    )
    books.broken_with_row = count("SELECT DISTINCT id FROM broken WHERE id IN (SELECT id FROM rows)")
    books.rows_beyond = some(
        "row of nobody",
        "SELECT id FROM rows WHERE id NOT IN (SELECT id FROM answered) AND id NOT IN (SELECT id FROM broken)",
    )


def _is_explained(one: Broken, kills: Iterable[Kill], is_exact: bool) -> bool:
    near = [kill for kill in kills if -1 <= one.at - kill.at <= KILL_SECONDS]
    return any(one.line in kill.lines for kill in near) if is_exact else bool(near)


def _answered(path: Path) -> Iterator[tuple[str, ...]]:
    with path.open() as file:
        for line in file:
            yield tuple(line.rstrip("\n").split(" ", 1))


def _broken(path: Path) -> Iterator[Broken]:
    decoder = msgspec.json.Decoder(Broken)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
