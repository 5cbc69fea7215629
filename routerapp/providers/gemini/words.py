"""JSON out, whatever stands in it: numbers beyond 64 bits and half surrogate pairs came in from callers and may go on."""

from __future__ import annotations

import json
from typing import Any

import orjson


def encode(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document, separators=(",", ":")).encode()
