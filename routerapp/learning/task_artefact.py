"""A task head as one safetensors file: named plain arrays and a JSON header, addressed by the sha256 of its bytes. Nothing in it is run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from routerapp.learning import vectors
from routerapp.learning.artefact import KEY, MOST_BYTES, BadArtefact
from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.reading import READING
from routerapp.learning.task_head import PLAIN, FittedTasks, TaskHead
from routerapp.learning.tensors import BadTensors, map_tensors

FORMAT = "tasks-1"
FILE = Path(__file__).with_name("task_head.safetensors")
ADDRESS_FILE = Path(__file__).with_name("task_head.sha256")
_ARRAYS: dict[str, Any] = {
    "centre": np.float32,
    "factor": np.float32,
    "table": np.float32,
    "offsets": np.float64,
    "kept": np.int32,
    "ngrams": np.float32,
    "thresholds": np.float64,
    "clusters": np.float32,
}


def write_tasks(fitted: FittedTasks) -> tuple[bytes, str]:
    """(the file's bytes, their sha256 as 64 hex digits): the same head, the same bytes."""
    arrays = {name: np.ascontiguousarray(getattr(fitted, name), kind) for name, kind in _ARRAYS.items()}
    header = {
        "format": FORMAT,
        "reading": READING,
        "classes": list(fitted.classes),
        "sharpness": fitted.sharpness,
        "familiar": fitted.familiar,
        "about": dict(fitted.about),
    }
    content = save(arrays, {KEY: json.dumps(header, sort_keys=True, separators=(",", ":"))})
    return content, hashlib.sha256(content).hexdigest()


def load_tasks(path: Path, address: str = "") -> TaskHead:
    """The head in this file. address: the sha256 it must have, if given. Raises BadArtefact, or OSError when it cannot be read."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise BadArtefact(f"{path.name}: {size} bytes; at most {MOST_BYTES} are taken.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if address and found != address:
        raise BadArtefact(f"{path.name}: its sha256 is {found}, not {address}: it has been changed or is another one.")
    try:
        arrays, metadata = map_tensors(path)
    except BadTensors as error:
        raise BadArtefact(str(error)) from None
    header = _header(path, metadata)
    _check(path, arrays, len(header["classes"]))
    return TaskHead(
        FittedTasks(
            classes=tuple(header["classes"]),
            sharpness=float(header["sharpness"]),
            familiar=float(header["familiar"]),
            about=header["about"],
            **arrays,
        ),
        found,
    )


def shipped_head() -> TaskHead:
    """The head that every copy of the product carries (docs/prior-card.md). Raises BadArtefact where it is not that file."""
    return load_tasks(FILE, ADDRESS_FILE.read_text().strip())


def _header(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        header = json.loads(metadata[KEY])
    except (KeyError, TypeError, ValueError):
        raise BadArtefact(f"{path.name}: is a safetensors file, but no task head.") from None
    if header.get("format") != FORMAT or header.get("reading") != READING:
        raise BadArtefact(f"{path.name}: its format or reading is not {FORMAT!r} and {READING!r}. Fit it again.")
    classes = header.get("classes")
    if not isinstance(classes, list) or len(classes) < 2 or not all(isinstance(name, str) for name in classes):
        raise BadArtefact(f"{path.name}: its classes are not at least two names.")
    numbers = (header.get("sharpness"), header.get("familiar"))
    if not all(isinstance(value, (int, float)) for value in numbers) or not isinstance(header.get("about"), dict):
        raise BadArtefact(f"{path.name}: its header lacks one of sharpness, familiar, about.")
    return dict(header)


def _check(path: Path, arrays: dict[str, NDArray[Any]], t: int) -> None:
    if set(arrays) != set(_ARRAYS):
        raise BadArtefact(
            f"{path.name}: holds {', '.join(sorted(arrays))}; a task head is {', '.join(sorted(_ARRAYS))}."
        )
    rows, c = len(arrays["kept"]), len(arrays["clusters"])
    shapes = {
        "centre": (PLAIN,),
        "factor": (PLAIN,),
        "table": (PLAIN, t + 1),
        "offsets": (t + 1,),
        "kept": (rows,),
        "ngrams": (rows, t + 1),
        "thresholds": (t,),
        "clusters": (c, vectors.SIZE),
    }
    for name, kind in _ARRAYS.items():
        array = arrays[name]
        if array.shape != shapes[name] or array.dtype != kind or not np.isfinite(array).all():
            raise BadArtefact(
                f"{path.name}: {name!r} is {array.dtype}{list(array.shape)}; finite {np.dtype(kind)}{list(shapes[name])} is needed."
            )
    if rows and (arrays["kept"].min() < 0 or arrays["kept"].max() >= BUCKETS):
        raise BadArtefact(f"{path.name}: 'kept' names buckets outside 0 to {BUCKETS - 1}.")
