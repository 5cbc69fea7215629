"""The place of one request in a distributed trace: W3C Trace Context read from the caller, continued here, handed on to upstreams.

Span ids of attempts follow from the request's own, so that nothing has to be kept between a call and its span.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

# https://www.w3.org/TR/trace-context/#traceparent-header: later versions may append fields, version ff is forbidden.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1
_RATIO_BITS = 56


@dataclass(frozen=True, slots=True)
class TraceContext:
    """span_id is the request's own span, parent_id the caller's; empty when the trace begins here."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes = b""
    is_sampled: bool = True

    def attempt_span_id(self, number: int, retry: int) -> bytes:
        return blake2b(b"%d.%d" % (number, retry), digest_size=8, key=self.span_id + self.trace_id).digest()

    def traceparent(self, number: int, retry: int) -> str:
        """The header for the upstream call (number, retry)."""
        flags = "01" if self.is_sampled else "00"
        return f"00-{self.trace_id.hex()}-{self.attempt_span_id(number, retry).hex()}-{flags}"


def begin_trace(headers: Mapping[str, str], sample: float, random_bits: Callable[[int], int]) -> TraceContext:
    """Continues the caller's trace and its sampling decision; else begins one, sampled by a share of the trace ids."""
    span_id = (random_bits(64) or 1).to_bytes(8)
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if found is not None:
        version, trace, parent, flags, rest = found.groups()
        is_known = not (version == "00" and rest)
        if is_known and int(trace, 16) and int(parent, 16):
            is_sampled = bool(int(flags, 16) & _SAMPLED)
            return TraceContext(bytes.fromhex(trace), span_id, bytes.fromhex(parent), is_sampled)
    trace_id = random_bits(128) or 1
    is_sampled = (trace_id & (2**_RATIO_BITS - 1)) < sample * 2**_RATIO_BITS
    return TraceContext(trace_id.to_bytes(16), span_id, is_sampled=is_sampled)
