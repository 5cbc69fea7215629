"""Tokens of one attempt: what the upstream counted, else what we count ourselves, and then it is marked estimated."""

from __future__ import annotations

import msgspec

from routerapp.providers.base import Usage

BYTES_PER_TOKEN = 4


class CountedUsage(msgspec.Struct, frozen=True, gc=False):
    """cached_tokens and cache_write_tokens are parts of input_tokens; None is not said by the upstream."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int | None
    is_estimated: bool
    cache_write_tokens: int | None = None

    @property
    def billed(self) -> tuple[int, int, int, int]:
        """What a price is put on: in, out, of what went in read from a cache, and written to one."""
        return self.input_tokens, self.output_tokens, self.cached_tokens or 0, self.cache_write_tokens or 0


NOTHING_USED = CountedUsage(0, 0, None, False)


def count_usage(
    reported: Usage | None, input_estimate: int, text_bytes: int, most_output_tokens: int | None = None
) -> CountedUsage:
    """Each number the upstream left out is filled in: the prompt's estimate, and UTF-8 bytes of answer ÷ 4.

    most_output_tokens: the limit that was sent upstream; no answer of our counting is longer.
    """
    reported = reported or Usage()
    is_estimated = reported.input_tokens is None or reported.output_tokens is None
    output_estimate = -(-text_bytes // BYTES_PER_TOKEN)
    if most_output_tokens is not None:
        output_estimate = min(output_estimate, most_output_tokens)
    return CountedUsage(
        input_tokens=input_estimate if reported.input_tokens is None else reported.input_tokens,
        output_tokens=output_estimate if reported.output_tokens is None else reported.output_tokens,
        cached_tokens=reported.cached_tokens,
        is_estimated=is_estimated,
        cache_write_tokens=reported.cache_write_tokens,
    )
