"""The most that one upstream call may use and cost: what is held before it is made, and the cap that keeps it true.

A token is at least one byte of text, so the bytes of a prompt bound its tokens whatever the tokenizer. The length of an answer is bounded
by the limit sent upstream: the caller's own, else the cap computed here.
"""

from __future__ import annotations

from math import ceil

import msgspec

from routerapp.engine.estimates import DEFAULT_OUTPUT_TOKENS, Forecast, Need
from routerapp.engine.money import rounded
from routerapp.engine.types import Evidence, LanguageModelFacts, Price

BYTES_PER_TOKEN = 4
LEAST_CAP_TOKENS = 4_096
EXPECTED_TIMES = 4
# Above what any provider counts for one image at full detail.
MOST_TOKENS_PER_IMAGE = 50_000
# What a provider adds unseen: markers around messages, and with tools a system prompt of its own.
UNSEEN_TOKENS = 64
UNSEEN_TOOL_TOKENS = 1_024


class WorstCase(msgspec.Struct, frozen=True, gc=False):
    """input_tokens and output_tokens bound what is billed. cap: the limit to send upstream; None where the caller set one."""

    input_tokens: int
    output_tokens: int
    cap: int | None

    def cost(self, price: Price) -> int:
        """All of the prompt at the dearest of what fresh input, input read from a cache and input written to one cost."""
        dearest, cached, written = (
            price.input_nusd_per_mtok,
            price.cached_input_nusd_per_mtok,
            price.cache_write_nusd_per_mtok,
        )
        if cached is not None and cached > dearest:
            dearest = cached
        if written is not None and written > dearest:
            dearest = written
        return rounded(self.input_tokens * dearest + self.output_tokens * price.output_nusd_per_mtok)


def worst_case(model: LanguageModelFacts, need: Need, forecast: Forecast, sent_bytes: int = 0) -> WorstCase:
    """sent_bytes: of the body, images left out, where they are known; else the prompt's estimate is undone."""
    size = need.prompt_tokens * BYTES_PER_TOKEN
    if size < sent_bytes:
        size = sent_bytes
    images = MOST_TOKENS_PER_IMAGE if need.vision else 0
    unseen = UNSEEN_TOOL_TOKENS if need.tools else UNSEEN_TOKENS
    most_input = size + images + unseen
    if most_input > model.context_window:
        most_input = model.context_window
    if most_input < forecast.input_tokens:
        most_input = forecast.input_tokens
    if need.endpoint != "chat":
        # Each input of a batch has the window to itself.
        return WorstCase(max(size + unseen, forecast.input_tokens), 0, None)
    if need.max_tokens is not None:
        return WorstCase(most_input, need.max_tokens, None)
    cap = output_cap(model, forecast.output_tokens)
    return WorstCase(most_input, cap, cap)


def most_tokens(need: Need, evidence: Evidence) -> tuple[int, int]:
    """(read, written): no model's worst_case for this need, with nothing known of the bytes sent, is above them."""
    factor = max(evidence.token_correction.values(), default=1.0)
    images = MOST_TOKENS_PER_IMAGE if need.vision else 0
    read = max(
        need.prompt_tokens * BYTES_PER_TOKEN + images + UNSEEN_TOOL_TOKENS,
        need.prompt_tokens if factor <= 1.0 else ceil(need.prompt_tokens * factor),
    )
    if need.endpoint != "chat":
        return read, 0
    if need.max_tokens is not None:
        return read, need.max_tokens
    expected = ceil(max(evidence.expected_output_tokens.values(), default=0.0))
    if need.predicted:
        expected = max(expected, *(ceil(one.output_tokens or 0.0) for one in need.predicted.values()))
    return read, max(EXPECTED_TIMES * max(expected, DEFAULT_OUTPUT_TOKENS), LEAST_CAP_TOKENS)


def output_cap(model: LanguageModelFacts, expected_tokens: int) -> int:
    """Four times what is expected, and never so little that a usual answer is cut."""
    generous, limit = EXPECTED_TIMES * expected_tokens, model.max_output_tokens
    if generous < LEAST_CAP_TOKENS:
        generous = LEAST_CAP_TOKENS
    return generous if limit is None or limit > generous else limit
