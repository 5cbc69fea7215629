"""Plain arrays in one safetensors file, mapped read-only: processes that open the same file share its memory. Nothing in it is run."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64}
MOST_HEADER_BYTES = 10_000_000


class BadTensors(ValueError):
    """A file that is not what safetensors promises: the message says where."""


def map_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """(arrays by name, metadata). Raises BadTensors for a malformed file, OSError when it cannot be read."""
    with path.open("rb") as file:
        size = path.stat().st_size
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MOST_HEADER_BYTES, size - 8):
            raise BadTensors(f"{path.name}: its header's length is not one.")
        header = _header(path, file.read(length))
    whole = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise BadTensors(f"{path.name}: its metadata are not an object.")
    return {name: _array(path, name, described, whole[8 + length :]) for name, described in header.items()}, metadata


def _header(path: Path, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise BadTensors(f"{path.name}: its header is not JSON.") from None
    if not isinstance(header, dict):
        raise BadTensors(f"{path.name}: its header is not an object.")
    return header


def _array(path: Path, name: str, described: Any, data: NDArray[np.uint8]) -> NDArray[Any]:
    try:
        kind, shape = np.dtype(TYPES[described["dtype"]]), tuple(int(size) for size in described["shape"])
        first, last = (int(offset) for offset in described["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise BadTensors(
            f"{path.name}: {name!r} is described wrongly; arrays of {', '.join(TYPES)} are read."
        ) from None
    if (
        min(shape, default=0) < 0
        or not 0 <= first <= last <= len(data)
        or last - first != math.prod(shape) * kind.itemsize
    ):
        raise BadTensors(f"{path.name}: {name!r} does not lie within the file.")
    return data[first:last].view(kind).reshape(shape)
