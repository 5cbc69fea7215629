"""Percentiles that can be added up: sparse buckets of a logarithmic histogram (as DDSketch, Masson et al. 2019, section 2).

Bucket b counts the values in (1.04^(b-1), 1.04^b] milliseconds; everything up to 1 ms is bucket 0. An answer is off by at most
(γ-1)/(γ+1) = 1.96 % of the value.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

GAMMA = 1.04
_LOG_GAMMA = math.log(GAMMA)
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds; None without samples."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    samples: int = 0


def bucket_of(value_ms: float) -> int:
    return 0 if value_ms <= 1 else math.ceil(math.log(value_ms) / _LOG_GAMMA)


def value_of(bucket: int) -> float:
    """The value that is nearest, in proportion, to both ends of the bucket."""
    return 1.0 if bucket <= 0 else 2 * GAMMA**bucket / (GAMMA + 1)


def pack_sketch(counts: Mapping[int, int]) -> bytes:
    """For a column: MessagePack of [bucket, n, bucket, n, …] in the order of the buckets; empty without samples."""
    return _encode([number for bucket in sorted(counts) for number in (bucket, counts[bucket])]) if counts else b""


def unpack_sketch(packed: bytes | memoryview) -> dict[int, int]:
    if not packed:
        return {}
    numbers = _decode(packed)
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The value below which a share of the samples lies (nearest rank). counts: bucket -> n."""
    total = sum(counts.values())
    if total == 0:
        return None
    rank = max(1, math.ceil(share * total))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return value_of(bucket)
    raise ValueError("counts must not be negative")


def merged(sketches: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The sketch of all samples together, as if they had been counted in one: buckets are the same everywhere."""
    total: defaultdict[int, int] = defaultdict(int)
    for counts in sketches:
        for bucket, n in counts.items():
            total[bucket] += n
    return total


def merge_packed(sketches: Iterable[bytes | memoryview]) -> dict[int, int]:
    """The same of packed ones, of which an overview reads thousands."""
    total: defaultdict[int, int] = defaultdict(int)
    for packed in sketches:
        numbers = _decode(packed)
        for bucket, n in zip(numbers[::2], numbers[1::2], strict=True):
            total[bucket] += n
    return total


def percentiles(counts: Mapping[int, int]) -> Percentiles:
    return Percentiles(quantile(counts, 0.5), quantile(counts, 0.95), sum(counts.values()))
