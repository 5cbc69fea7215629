"""Everything one worker serves with, as one value: snapshot, live state, journal, transport, clock, randomness. Nothing here is global.

A test or the demo builds one by hand on a virtual clock; the ASGI lifespan opens one with startup.open_runtime.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ParamSpec, Protocol, TypeVar

from django.db import DatabaseError

from routerapp.engine.allowances import TEAM_PREFIX, USER_PREFIX
from routerapp.engine.task import TaskClassifier
from routerapp.engine.task_words import DEFAULT_TASK_WORDS
from routerapp.providers.base import Adapter, Target, Transport
from routerapp.providers.clock import Clock
from routerapp.providers.registry import ADAPTERS
from routerapp.serving.attempts import Attempts
from routerapp.serving.metrics import Metrics
from routerapp.serving.predicting import NOTHING_PREDICTED, Predicting
from routerapp.serving.recent import RecentRequests
from routerapp.serving.served import database_unavailable
from routerapp.serving.siblings import Siblings
from routerapp.serving.stored_answer import StoredAnswer
from routerapp.serving.traces.tracer import Tracer
from routerapp.serving.worker_place import WorkerPlace
from routerapp.store.answer_cache import AnswerCache
from routerapp.store.journal import Journal
from routerapp.store.limits import CallerLimits
from routerapp.store.live import LiveState
from routerapp.store.shared.shared_state import SharedState
from routerapp.store.snapshot import KeyEntry, Snapshot
from routerapp.store.spool import RESERVE_NAME

LEAST_SECONDS_BETWEEN_REFRESHES = 1.0
LONGEST_DRAIN_SECONDS = 60.0
# How long a worker serves from a configuration it can no longer confirm, unless settings say otherwise.
MAX_SNAPSHOT_AGE_SECONDS = 900
P = ParamSpec("P")
T = TypeVar("T")
MOST_USERS_REPORTED = 500
METADATA_STORED = ("team", "app", "feature", "env")


class InThread(Protocol):
    """Runs blocking work, such as a query, outside the event loop."""

    async def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...


class NotReady(Exception):
    """No snapshot has been read yet."""


@dataclass(slots=True)
class Runtime:
    """random_bits(n) gives n random bits. reload asks the database for a newer snapshot; None serves what is here for ever.

    predicting: what speaks of a prompt before its decision; changed with the snapshot.
    known_keys: digest of a presented key, under a secret of this process, to what the snapshot has of it. tracer: None where spans go
    nowhere. metrics_token: what a scraper may show instead of an API key.
    place, siblings: where a supervisor has started this process beside others. is_draining: it takes no more connections, but answers
    what comes on those that are open; is_closing: nothing any more. shared: None where this worker keeps limits and live state for itself.
    """

    clock: Clock
    live: LiveState
    journal: Journal
    transport: Transport
    adapters: Mapping[str, Adapter] = field(default_factory=lambda: ADAPTERS)
    random_bits: Callable[[int], int] = random.SystemRandom().getrandbits
    limits: CallerLimits = field(default_factory=CallerLimits)
    metrics: Metrics = field(default_factory=Metrics)
    answer_cache: AnswerCache[StoredAnswer] = field(default_factory=AnswerCache)
    recent: RecentRequests = field(default_factory=RecentRequests)
    reload: Callable[[], Awaitable[None]] | None = None
    in_thread: InThread = asyncio.to_thread
    on_close: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    is_draining: bool = False
    is_closing: bool = False
    in_flight: int = 0
    tracer: Tracer | None = None
    place: WorkerPlace | None = None
    siblings: Siblings | None = None
    shared: SharedState | None = None
    metrics_token: str | None = field(default=None, repr=False)
    confirmed_at: float | None = None
    classifier: TaskClassifier = field(default_factory=TaskClassifier)
    known_keys: dict[bytes, KeyEntry] = field(default_factory=dict, repr=False)
    attempts: Attempts = field(init=False)
    predicting: Predicting = NOTHING_PREDICTED
    _snapshot: Snapshot | None = None
    _targets: dict[str, Target] = field(default_factory=dict)
    _refresh: asyncio.Task[None] | None = None
    _refreshed_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.attempts = Attempts(
            self.transport, self.adapters, self.live, self.clock, lambda: self.random_bits(53) / 2**53
        )

    @property
    def snapshot(self) -> Snapshot:
        """The configuration this moment is served by; raises NotReady."""
        if self._snapshot is None:
            raise NotReady
        return self._snapshot

    @property
    def has_snapshot(self) -> bool:
        return self._snapshot is not None

    @property
    def is_ready(self) -> bool:
        return self._snapshot is not None and not self.is_draining and not self.is_stale

    @property
    def is_stale(self) -> bool:
        """The database has not confirmed the snapshot for longer than a worker may go on."""
        if self._snapshot is None or self.confirmed_at is None:
            return False
        most = self._snapshot.settings.get("max_snapshot_age_seconds", MAX_SNAPSHOT_AGE_SECONDS)
        return self.clock.monotonic() - self.confirmed_at > float(most)

    def snapshot_age_seconds(self) -> float:
        """Since the database confirmed that the snapshot is the newest; 0 where nobody asks it."""
        return 0.0 if self.confirmed_at is None else max(0.0, self.clock.monotonic() - self.confirmed_at)

    def report(self) -> dict[str, Any]:
        """State of this worker for the heartbeat, as plain values."""
        return {
            "in_flight": self.in_flight,
            "is_draining": self.is_draining,
            "spool_bytes": self.spool_bytes(),
            "spool_has_room": self.journal.has_room,
            "unrecorded": self.metrics.unrecorded,
            "answer_cache_bytes": self.answer_cache.bytes,
            "answer_cache_entries": len(self.answer_cache),
            "deployments": self.live.report(self.clock.now_ms()),
            "callers": self._caller_report(),
            "predictor": {"sha256": self.predicting.predictor, "problem": self.predicting.problem},
        } | ({"shared": self.shared.report()} if self.shared is not None else {})

    def _caller_report(self) -> dict[str, dict[str, int]]:
        """How everybody with limits stands, end users only those with a row of their own."""
        if self._snapshot is None:
            return {}
        config = self._snapshot.config
        names = {name for subjects in config.caller_subjects.values() for name, _ in subjects}
        names.update(TEAM_PREFIX + slug for slug in config.teams)
        names.update(USER_PREFIX + user for user in islice(config.users, MOST_USERS_REPORTED))
        return self.limits.usage_report(names, self.clock.now_ms())

    def spool_bytes(self) -> int:
        """What this worker has on disk, the reserve not counted; a segment goes once all of it is in the database."""
        total = 0
        for file in self.journal.folder.glob("*"):
            with contextlib.suppress(FileNotFoundError):  # the drainer removes segments at any time
                total += 0 if file.name == RESERVE_NAME else file.stat().st_size
        return total

    def swap(self, snapshot: Snapshot, predicting: Predicting = NOTHING_PREDICTED) -> None:
        """Serve from this snapshot, and what speaks under it, from now on; requests that are running keep those they started with."""
        previous = self._snapshot
        words = snapshot.config.task_words
        if previous is None or previous.config.task_words != words:
            self.classifier = TaskClassifier({**DEFAULT_TASK_WORDS, **words})
        self._targets = {}
        self.known_keys = {}
        self._snapshot = snapshot
        self.predicting = predicting
        deployments = snapshot.config.deployments
        self.live.set_deployment_limits(
            {slug: deployment.requests_per_minute for slug, deployment in deployments.items()},
            {slug: deployment.tokens_per_minute for slug, deployment in deployments.items()},
        )
        self.limits.protect_users(snapshot.config.users)
        self.live.hold(snapshot.control.cooldowns, self.clock.now_ms())

    def target(self, deployment: str) -> Target:
        """How to reach a deployment, its credential in clear. Raises KeyError or SecretRefused."""
        target = self._targets.get(deployment)
        if target is None:
            secret = self.snapshot.targets[deployment]
            target = self._targets[deployment] = Target(
                deployment=deployment,
                kind=secret.kind,
                base_url=secret.base_url,
                upstream_model=secret.upstream_model,
                credential=secret.open_credential(),
                simulation=secret.simulation,
                options=secret.options,
                preset=secret.preset,
                max_output_tokens=self._max_output_tokens(deployment),
            )
        return target

    def _max_output_tokens(self, deployment: str) -> int | None:
        config = self.snapshot.config
        facts = config.deployments.get(deployment)
        model = config.models.get(facts.model) if facts else None
        return model.max_output_tokens if model else None

    async def refresh(self) -> None:
        """Look for a newer configuration, at most once a second whoever asks; many who ask at once share one look."""
        if self.reload is None:
            return
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._refresh_soon(self.reload))
        await asyncio.shield(self._refresh)

    async def look_again(self) -> None:
        """refresh for a caller whose answer depends on it. Raises Refused 503 while the database cannot be asked."""
        try:
            await self.refresh()
        except DatabaseError:
            raise database_unavailable() from None

    async def _refresh_soon(self, reload: Callable[[], Awaitable[None]]) -> None:
        wait = self._refreshed_at + LEAST_SECONDS_BETWEEN_REFRESHES - self.clock.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._refreshed_at = self.clock.monotonic()
        await reload()

    async def close(self, longest_seconds: float = LONGEST_DRAIN_SECONDS) -> None:
        """Stop taking requests, let the running ones end for a while, then release everything."""
        self.is_draining = self.is_closing = True
        deadline = self.clock.monotonic() + longest_seconds
        while self.in_flight and self.clock.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for close in self.on_close:
            await close()
        await self.transport.close()
        self.journal.close()
