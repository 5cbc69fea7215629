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
        from tests.matrix.run import a_matrix

        began = time.monotonic()
        with a_matrix(Path(folder)) as matrix:
            faults = {cell.id: matrix.fault_in(cell) for cell in cells()}
        document.PATH.write_text(document.document(faults))
    broken = {name: fault for name, fault in faults.items() if fault}
    for name, fault in broken.items():
        print(f"{name}: {fault}")
    print(f"{len(faults)} cells, {len(broken)} not as they must be, {time.monotonic() - began:.1f} s")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
