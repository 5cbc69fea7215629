"""python -m tests.matrix: runs every cell and writes docs/sdk-matrix.md. Ends with 1 where a cell is not as it must be."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routerapp.settings")
        os.environ["SIGNALBOX_DATA_DIR"] = folder
        import django

        django.setup()
        from tests.matrix import document
        from tests.matrix.cells import cells
        from tests.matrix.run import node_outcomes, python_clients
        from tests.matrix.stage import a_stage

        began = time.monotonic()
        every = list(cells())
        with a_stage(Path(folder)) as running:
            with python_clients(running) as clients:
                found = {cell.id: clients.run(cell) for cell in every if cell.language == "Python"}
            found |= node_outcomes(running, every)
        faults = {cell.id: cell.fault_in(found[cell.id]) for cell in every}
        document.PATH.write_text(document.document(faults))
    for name, fault in faults.items():
        if fault:
            print(f"{name}: {fault}")
    broken = sum(map(bool, faults.values()))
    print(f"{len(every)} cells, {broken} not as they must be, {time.monotonic() - began:.1f} s: {document.PATH.name}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
