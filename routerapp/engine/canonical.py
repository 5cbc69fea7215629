"""One canonical byte form for documents and decisions, and its content address."""

import hashlib
from typing import Any

import msgspec


def canonical_bytes(value: Any) -> bytes:
    """JSON with sorted keys, no white space, shortest floats: equal values give equal bytes in every process."""
    return msgspec.json.encode(value, order="sorted")


def content_address(value: Any) -> str:
    """sha256 of the canonical form, 64 lower-case hex digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()
