"""The newest requests of this worker, kept in memory so that a decision can be read before the drainer has written it. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from routerapp.engine.types import Decision
from routerapp.store.records import AttemptEnd, Begin, End


@dataclass(slots=True)
class RecentRequest:
    """end is None while the request runs."""

    begin: Begin
    attempts: list[AttemptEnd] = field(default_factory=list)
    end: End | None = None

    @property
    def decision(self) -> Decision | None:
        return self.begin.decision


class RecentRequests:
    """By id, oldest out first; one that still runs stays at least as long as its record is needed for its own end."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._by_id: OrderedDict[str, RecentRequest] = OrderedDict()

    def add(self, begin: Begin) -> RecentRequest:
        recent = RecentRequest(begin)
        self._by_id[begin.id] = recent
        while len(self._by_id) > self._most:
            self._by_id.popitem(last=False)
        return recent

    def find(self, request_id: str) -> RecentRequest | None:
        return self._by_id.get(request_id)
