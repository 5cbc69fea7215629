"""Makes a worker one of several: limits and live state shared through Valkey, where SIGNALBOX_VALKEY_URL says so."""

from __future__ import annotations

from pathlib import Path

from routerapp.engine.allowances import TEAM_PREFIX, USER_PREFIX
from routerapp.engine.config import Config
from routerapp.serving.runtime import Runtime
from routerapp.store.secrets import keyed_hash
from routerapp.store.shared.connection import Connection
from routerapp.store.shared.limits import SharedLimits
from routerapp.store.shared.shared_state import SharedState, Spend
from routerapp.store.undrained import NEVER_MS, spend_of_callers, spend_of_rows
from routerapp.valkey_settings import ValkeySettings

PREFIX_DIGITS = 16


def share(runtime: Runtime, valkey: ValkeySettings) -> SharedState:
    """To be started once the runtime has its snapshot. The runtime's limits must be SharedLimits."""
    limits = runtime.limits
    assert isinstance(limits, SharedLimits)
    prefix = "signalbox:" + keyed_hash("installation", "shared state")[:PREFIX_DIGITS]

    async def read_floors(has_users: bool) -> tuple[Spend, int]:
        now_ms = runtime.clock.now_ms()
        spool, config = runtime.journal.folder.parent, runtime.snapshot.config
        return await runtime.in_thread(_spent, spool, now_ms, config, has_users and bool(config.users)), now_ms

    return SharedState(
        Connection(valkey),
        prefix,
        runtime.journal.boot_id,
        runtime.live,
        limits,
        runtime.clock.now_ms,
        read_floors if runtime.reload is not None else None,
    )


def _spent(spool: Path, now_ms: int, config: Config, has_users: bool) -> Spend:
    """Of everybody who has limits; end users, whom rollups do not know, only where asked for: that reads all rows of the month."""
    limited = {name for subjects in config.caller_subjects.values() for name, _ in subjects}
    limited |= {TEAM_PREFIX + slug for slug in config.teams}
    found = {name: one for name, one in spend_of_callers(spool, now_ms).items() if name in limited}
    if has_users:
        rows = spend_of_rows(spool, now_ms, NEVER_MS, ("user_hash",))
        found |= {name: one for name, one in rows.items() if name.startswith(USER_PREFIX)}
    return found
