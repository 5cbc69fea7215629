"""Both official SDKs, Python and Node, at every kind of upstream in its own wire format. docs/sdk-matrix.md is what these cells give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.matrix.cells import Cell, cells
from tests.matrix.document import PATH, document
from tests.matrix.node_clients import CannotRun
from tests.matrix.run import Matrix, a_matrix

CELLS = list(cells())


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with a_matrix(tmp_path_factory.mktemp("matrix")) as made:
        yield made


def _fault(matrix: Matrix, cell: Cell) -> str:
    try:
        return matrix.fault_in(cell)
    except CannotRun as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_the_cell_passes_or_is_refused_for_the_vendors_reason(matrix: Matrix, cell: Cell) -> None:
    assert _fault(matrix, cell) == ""


def test_the_document_is_what_the_run_gives(matrix: Matrix) -> None:
    faults = {cell.id: _fault(matrix, cell) for cell in CELLS}

    assert PATH.read_text() == document(faults), "run: python -m tests.matrix"
