"""How a vote between two answers is recorded: feedback on the better one, or one of two as good, whose label names the other.

Pages know this; what votes amount to is worked out in arena_pieces, by jobs.
"""

from __future__ import annotations

from collections.abc import Mapping

BETTER, AS_GOOD = "better_than:", "as_good_as:"
SCORES: Mapping[str, float] = {BETTER: 1.0, AS_GOOD: 0.5}
# What a person who signed in votes as; no key's slug has a colon.
PERSON = "user:"
