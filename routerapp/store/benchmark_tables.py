"""Benchmark files as columns: Parquet, CSV and JSONL, bounded in size. What the columns mean is `benchmark_files`'s.

Reads on behalf of jobs and commands only: pyarrow is imported when a Parquet file is opened, never by the gateway.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_BYTES = 2_000_000_000
MOST_ROWS = 5_000_000
MOST_COLUMNS = 1_000
MOST_CELL_CHARACTERS = 1_000_000
FORMATS = (".parquet", ".csv", ".jsonl")


class BadBenchmark(ValueError):
    """A file that cannot be taken as it is: the message names file, column, row, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class BenchmarkTable:
    """One file's columns, all of one length; a missing cell is None. Row numbers in errors count data rows from 1."""

    name: str
    columns: dict[str, Sequence[Any]]
    rows: int

    def refuse(self, column: str, row: int, reason: str) -> BadBenchmark:
        """What to raise about the cell at this row (from 0)."""
        return BadBenchmark(f"{self.name}, column {column!r}, row {row + 1}: {reason}")


def read_table(path: Path) -> BenchmarkTable:
    """The columns of one file. Raises BadBenchmark when it is missing, too big, of another format or cannot be parsed."""
    if path.suffix.lower() not in FORMATS:
        raise BadBenchmark(
            f"{path.name}: files of {', '.join(FORMATS)} can be read, not {path.suffix or 'one without an ending'!r}."
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadBenchmark(f"{path}: cannot be read ({error.strerror or error}).") from None
    if size > MOST_BYTES:
        raise BadBenchmark(f"{path.name}: {size} bytes; at most {MOST_BYTES} are read from one file.")
    read = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl}[path.suffix.lower()]
    table = read(path)
    if not table.rows:
        raise BadBenchmark(f"{path.name}: has no rows.")
    return table


def _read_parquet(path: Path) -> BenchmarkTable:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _check_shape(path, file.metadata.num_rows, len(file.schema_arrow.names))
            nested = [field.name for field in file.schema_arrow if pyarrow.types.is_nested(field.type)]
            plain = [name for name in file.schema_arrow.names if name not in nested]
            data = file.read(columns=plain)
    except (pyarrow.ArrowException, OSError) as error:
        raise BadBenchmark(
            f"{path.name}: is not a Parquet file that can be read ({str(error).splitlines()[0]})."
        ) from None
    return BenchmarkTable(path.name, {name: data[name].to_pylist() for name in plain}, data.num_rows)


def _read_csv(path: Path) -> BenchmarkTable:
    csv.field_size_limit(min(MOST_CELL_CHARACTERS, sys.maxsize))
    columns: dict[str, list[Any]] = {}
    rows = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = next(reader, [])
            if len(set(names)) != len(names):
                raise BadBenchmark(f"{path.name}: the header names a column twice.")
            _check_shape(path, 0, len(names))
            columns = {name: [] for name in names}
            for cells in reader:
                if len(cells) != len(names):
                    raise BadBenchmark(
                        f"{path.name}, row {rows + 1}: {len(cells)} cells, but the header has {len(names)}."
                    )
                for name, cell in zip(names, cells, strict=True):
                    columns[name].append(cell or None)
                rows += 1
                _check_shape(path, rows, len(names))
    except csv.Error as error:
        raise BadBenchmark(f"{path.name}, row {rows + 1}: is not CSV ({error}).") from None
    except UnicodeDecodeError:
        raise BadBenchmark(f"{path.name}: is not UTF-8.") from None
    return BenchmarkTable(path.name, dict(columns), rows)


def _read_jsonl(path: Path) -> BenchmarkTable:
    columns: dict[str, list[Any]] = {}
    rows = 0
    for row, record in enumerate(_records(path)):
        for name in record.keys() - columns.keys():
            columns[name] = [None] * row
        for name, cells in columns.items():
            cells.append(record.get(name))
        rows = row + 1
        _check_shape(path, rows, len(columns))
    return BenchmarkTable(path.name, {name: columns[name] for name in sorted(columns)}, rows)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(MOST_CELL_CHARACTERS + 1):
                number += 1
                if len(line) > MOST_CELL_CHARACTERS:
                    raise BadBenchmark(f"{path.name}, line {number}: longer than {MOST_CELL_CHARACTERS} characters.")
                if not line.strip():
                    continue
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise BadBenchmark(f"{path.name}, line {number}: is not a JSON object.")
                yield record
    except json.JSONDecodeError as error:
        raise BadBenchmark(f"{path.name}, line {number}: is not JSON ({error.msg}).") from None
    except UnicodeDecodeError:
        raise BadBenchmark(f"{path.name}: is not UTF-8.") from None


def _check_shape(path: Path, rows: int, columns: int) -> None:
    if rows > MOST_ROWS:
        raise BadBenchmark(f"{path.name}: more than {MOST_ROWS} rows.")
    if columns > MOST_COLUMNS:
        raise BadBenchmark(f"{path.name}: {columns} columns; at most {MOST_COLUMNS} are read.")
