"""One connection to Valkey that never keeps anybody waiting: whatever takes longer than 100 ms, or fails, is Away."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from routerapp.store.shared.away import Away
from routerapp.valkey_settings import ValkeySettings

TIMEOUT_SECONDS = 0.1
# A loop that was late by more than this did not listen: what came meanwhile is read before anybody is called slow.
LATE_SECONDS = 0.03
MOST_EXTENSIONS = 5
SCRIPT = Path(__file__).with_name("exchange.lua")
log = logging.getLogger(__name__)


class Connection:
    """call() runs the script of this package; one at a time."""

    def __init__(self, settings: ValkeySettings, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.place = settings.place
        self._settings = settings
        self._timeout = timeout_seconds
        self._script = SCRIPT.read_bytes()
        self._sha = hashlib.sha1(self._script, usedforsecurity=False).hexdigest()
        self._client: redis.Redis | None = None

    async def call(self, key: str, message: bytes) -> bytes:
        """The script's answer. Raises Away."""
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(self._run(key, message))
        try:
            for _ in range(MOST_EXTENSIONS):
                due = loop.time() + self._timeout
                await asyncio.wait((work,), timeout=self._timeout)
                if work.done() or loop.time() - due < LATE_SECONDS:
                    break
            if not work.done():
                raise Away(f"no answer within {self._timeout * 1000:.0f} ms")
            return work.result()
        except (RedisError, OSError, EOFError, ssl.SSLError) as error:
            raise Away(_said(error)) from None
        finally:
            if not work.done():
                work.add_done_callback(_look_at)
                work.cancel()
            if not work.done() or work.cancelled() or work.exception() is not None:
                await self._drop()

    async def close(self) -> None:
        await self._drop()

    async def _run(self, key: str, message: bytes) -> bytes:
        if self._client is None:
            self._client = _client(self._settings)
        try:
            found = await self._client.execute_command("EVALSHA", self._sha, 1, key, message)
        except NoScriptError:
            found = await self._client.execute_command("EVAL", self._script, 1, key, message)
        if not isinstance(found, bytes):
            raise RedisError("the answer is not of our script")
        return found

    async def _drop(self) -> None:
        """What was asked on it may still be answered: nobody else may read that."""
        client, self._client = self._client, None
        if client is not None:
            await client.connection_pool.disconnect(inuse_connections=True)


def _look_at(work: asyncio.Future[bytes]) -> None:
    """How what was given up ended is of no interest; nobody is to be told that nobody looked."""
    if not work.cancelled():
        work.exception()


def _client(settings: ValkeySettings) -> redis.Redis:
    options: dict[str, Any] = {
        "db": settings.database,
        "username": settings.username or None,
        "password": settings.password or None,
        # Ours alone tells a late loop from a slow server.
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "max_connections": 2,
        "client_name": "signalbox",
    }
    if settings.path:
        return redis.Redis(unix_socket_path=settings.path, **options)
    return redis.Redis(host=settings.host, port=settings.port, ssl=settings.is_tls, **options)


def _said(error: BaseException) -> str:
    """One line for the log; a server's own words, shortened. They never hold a password."""
    return f"{type(error).__name__}: {error}"[:200]
