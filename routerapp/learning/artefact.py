"""A predictor as one safetensors file: named plain arrays and a JSON header, addressed by the sha256 of its bytes. Nothing in it is run.

The same Fitted gives the same bytes. Reading maps the file; nothing in it is trusted before the hash, the shapes and the versions agree.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from routerapp.learning import surface, vectors
from routerapp.learning.features import Scale
from routerapp.learning.fitted import Fitted
from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import READING, REQUEST_NAMES
from routerapp.learning.tensors import BadTensors, map_tensors
from routerapp.learning.topics import Topics

FORMAT = "1"
MOST_BYTES = 500_000_000
KEY = "signalbox"

_ARRAYS: dict[str, Any] = {
    "centre": np.float32,
    "factor": np.float32,
    "kept": np.int32,
    "rarity": np.float32,
    "directions": np.float16,
    "table": np.float32,
    "offsets": np.float64,
    "level": np.float64,
    "label_relative": np.float64,
    "cluster_relative": np.float64,
    "cluster_quality": np.float64,
    "cluster_sizes": np.float64,
    "noise": np.float64,
    "token_factor": np.float64,
    "cost_factor": np.float64,
}
_NUMBERS = ("topics_factor", "sharpness", "familiar", "unknown")


class BadArtefact(ValueError):
    """A file that is not the predictor it should be: the message says what is wrong with it."""


def write(fitted: Fitted) -> tuple[bytes, str]:
    """(the file's bytes, their sha256 as 64 hex digits)."""
    arrays = {name: np.ascontiguousarray(array, _ARRAYS[name]) for name, array in _arrays_of(fitted).items()}
    header = {
        "format": FORMAT,
        "reading": READING,
        "models": list(fitted.models),
        "labels": list(fitted.labels),
        "topics_factor": fitted.scale.topics_factor,
        "sharpness": fitted.sharpness,
        "familiar": fitted.familiar,
        "unknown": fitted.unknown,
        "about": dict(fitted.about),
    }
    content = save(arrays, {KEY: json.dumps(header, sort_keys=True, separators=(",", ":"))})
    return content, hashlib.sha256(content).hexdigest()


def load(path: Path, address: str = "") -> Predictor:
    """The predictor in this file. address: the sha256 it must have, if given. Raises BadArtefact, or OSError when it cannot be read."""
    size = path.stat().st_size
    if size > MOST_BYTES:
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
    _check(path, arrays, header)
    return Predictor(_fitted(arrays, header), found)


def _arrays_of(fitted: Fitted) -> dict[str, NDArray[Any]]:
    return {
        "centre": fitted.scale.centre,
        "factor": fitted.scale.factor,
        "kept": fitted.topics.kept,
        "rarity": fitted.topics.rarity,
        "directions": fitted.topics.directions,
        "table": fitted.table,
        "offsets": fitted.offsets,
        "level": fitted.level,
        "label_relative": fitted.label_relative,
        "cluster_relative": fitted.cluster_relative,
        "cluster_quality": fitted.cluster_quality,
        "cluster_sizes": fitted.cluster_sizes,
        "noise": fitted.noise,
        "token_factor": fitted.token_factor,
        "cost_factor": fitted.cost_factor,
    }


def _header(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        header = json.loads(metadata[KEY])
    except (KeyError, TypeError, ValueError):
        raise BadArtefact(f"{path.name}: is a safetensors file, but no predictor.") from None
    if header.get("format") != FORMAT:
        raise BadArtefact(f"{path.name}: is of format {header.get('format')!r}; {FORMAT!r} is read.")
    if header.get("reading") != READING:
        raise BadArtefact(
            f"{path.name}: was trained on reading {header.get('reading')!r}; prompts are read by {READING!r}. Train it again."
        )
    names = [*header.get("models", []), *header.get("labels", [])]
    if not header.get("models") or not all(isinstance(name, str) for name in names):
        raise BadArtefact(f"{path.name}: its models and labels are not names.")
    if not all(isinstance(header.get(name), (int, float)) for name in _NUMBERS) or not isinstance(
        header.get("about"), dict
    ):
        raise BadArtefact(f"{path.name}: its header lacks one of {', '.join((*_NUMBERS, 'about'))}.")
    return dict(header)


def _check(path: Path, arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> None:
    if set(arrays) != set(_ARRAYS):
        raise BadArtefact(
            f"{path.name}: holds {', '.join(sorted(arrays))}; a predictor is {', '.join(sorted(_ARRAYS))}."
        )
    m, t, c = len(header["models"]), len(header["labels"]), len(arrays["cluster_sizes"])
    plain, wide = vectors.SIZE + surface.SIZE + len(REQUEST_NAMES), 3 * m + 1 + t + c
    rows, topics = len(arrays["kept"]), arrays["table"].shape[0] - plain
    shapes = {
        "centre": (plain,),
        "factor": (plain,),
        "kept": (rows,),
        "rarity": (rows,),
        "directions": (rows, topics + m),
        "table": (plain + topics, wide),
        "offsets": (wide,),
        "label_relative": (t, m),
        "cluster_relative": (c, m),
        "cluster_quality": (c, m),
        "cluster_sizes": (c,),
        **{name: (m,) for name in ("level", "noise", "token_factor", "cost_factor")},
    }
    for name, kind in _ARRAYS.items():
        array = arrays[name]
        if array.shape != shapes[name] or array.dtype != kind:
            raise BadArtefact(
                f"{path.name}: {name!r} is {array.dtype}{list(array.shape)}; {np.dtype(kind)}{list(shapes[name])} is needed."
            )
        if name not in ("token_factor", "cost_factor", "kept", "directions") and not np.isfinite(array).all():
            raise BadArtefact(f"{path.name}: {name!r} holds a number that is none.")
    if rows and (arrays["kept"].min() < 0 or arrays["kept"].max() >= BUCKETS):
        raise BadArtefact(f"{path.name}: 'kept' names buckets outside 0 to {BUCKETS - 1}.")
    if not c:
        raise BadArtefact(f"{path.name}: has no cluster.")


def _fitted(arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> Fitted:
    return Fitted(
        models=tuple(header["models"]),
        labels=tuple(header["labels"]),
        scale=Scale(arrays["centre"], arrays["factor"], float(header["topics_factor"])),
        topics=Topics(arrays["kept"], arrays["rarity"], arrays["directions"]),
        **{
            name: arrays[name]
            for name in ("table", "offsets", "level", "label_relative", "cluster_relative", "cluster_quality")
        },
        **{name: arrays[name] for name in ("cluster_sizes", "noise", "token_factor", "cost_factor")},
        sharpness=float(header["sharpness"]),
        familiar=float(header["familiar"]),
        unknown=float(header["unknown"]),
        about={**header["about"], "reading": header["reading"]},
    )
