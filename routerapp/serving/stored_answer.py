"""One answer as the exact cache holds it."""

from __future__ import annotations

import msgspec

from routerapp.serving.plan_job import Outcome


class StoredAnswer(msgspec.Struct, frozen=True):
    """data: the upstream's body, or its events as they were passed on. outcome: of an answer without attempts of its own."""

    data: bytes
    outcome: Outcome
