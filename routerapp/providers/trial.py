"""One call off the data path, watched stage by stage: how far it came and what ended it. Same egress guard; nothing is retried or judged here.

The whole call has one time limit, however slowly the other side drips its bytes.
"""

from __future__ import annotations

import errno
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from routerapp.providers.control import GuardedTransport, Lookup, control_client, look_up
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import AnswerTooLarge, ConnectFailed, EgressRefused, ProviderError

ADDRESS, NAME, CONNECTION, TLS, ANSWER = "address", "name", "connection", "tls", "answer"
CONNECT_SECONDS = 5.0
_STAGE_OF_EVENT = {"connection.connect_tcp.complete": CONNECTION, "connection.start_tls.complete": TLS}
_LARGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Call:
    """What to send; headers hold the credential, so they are kept out of repr. is_body_read: else the status is all that is waited for."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    is_body_read: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """reached: the stages that went well. problem: empty when an answer came; else address_refused, name_unknown, connect_refused,
    connect_timeout, unreachable, tls_failed, timeout, broke_off or too_large. detail is for operators and may quote the system.
    """

    reached: tuple[str, ...]
    problem: str = ""
    detail: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    elapsed_ms: int = 0

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class _Watched:
    """Filled by the thread that makes the call; read when it has ended or its time is over."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.is_in_tls = False
        self.problem = ""
        self.detail = ""
        self.answer: tuple[int, Mapping[str, str], bytes] = (0, {}, b"")

    def hear(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's own account of a request, as it happens."""
        if event == "connection.start_tls.started":
            self.is_in_tls = True
        stage = _STAGE_OF_EVENT.get(event)
        if stage is not None and stage not in self.reached:
            self.reached.append(stage)
            self.is_in_tls = False

    def fail(self, problem: str, detail: object) -> None:
        self.problem, self.detail = problem, str(detail)[:_LARGEST_DETAIL]


def try_call(
    call: Call,
    guard: EgressGuard,
    seconds: float,
    *,
    lookup: Lookup = look_up,
    ssl_context: ssl.SSLContext | None = None,
) -> Trial:
    """Makes the call; never raises for what goes wrong outside. ssl_context: other trust anchors than the system's."""
    watched, started = _Watched(), time.monotonic()
    done = threading.Event()

    def work() -> None:
        try:
            _make(call, guard, seconds, lookup, ssl_context, watched)
        finally:
            done.set()

    # A daemon: a thread that a dripping upstream holds ends with its next read, and never holds up the process.
    threading.Thread(target=work, name="trial", daemon=True).start()
    is_over = done.wait(seconds)
    elapsed_ms = round((time.monotonic() - started) * 1000)
    reached = tuple(watched.reached)
    if not is_over:
        return Trial(reached, "timeout" if CONNECTION in reached else "connect_timeout", elapsed_ms=elapsed_ms)
    if watched.problem:
        return Trial(reached, watched.problem, watched.detail, elapsed_ms=elapsed_ms)
    return Trial((*reached, ANSWER), "", "", *watched.answer, elapsed_ms)


def _make(
    call: Call,
    guard: EgressGuard,
    seconds: float,
    lookup: Lookup,
    ssl_context: ssl.SSLContext | None,
    watched: _Watched,
) -> None:
    try:
        addresses = _addresses(call, guard, lookup, watched)
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        # The data path trusts what the system trusts; a test that trusted otherwise would tell a lie.
        inner = httpx.HTTPTransport(verify=ssl_context or ssl.create_default_context(), trust_env=False)
        transport = GuardedTransport(guard, lambda host, port: addresses, inner)
        with control_client(guard, timeout, transport) as client:
            request = client.build_request(
                call.method,
                call.url,
                headers=dict(call.headers),
                content=call.body or None,
                extensions={"trace": watched.hear},
            )
            response = client.send(request, stream=True)
            try:
                body = response.read() if call.is_body_read else b""
                watched.answer = (response.status_code, dict(response.headers), body)
            finally:
                response.close()
    except Exception as problem:  # whatever it was, the person who tests wants to read it
        watched.fail(*_explained(problem, watched))


def _addresses(call: Call, guard: EgressGuard, lookup: Lookup, watched: _Watched) -> list[str]:
    guard.check_url(call.url)
    watched.reached.append(ADDRESS)
    url = httpx.URL(call.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = lookup(url.host, port)
    guard.check_addresses(url.host, addresses)
    watched.reached.append(NAME)
    return addresses


def _explained(problem: Exception, watched: _Watched) -> tuple[str, object]:
    match problem:
        case EgressRefused():
            # A name that leads to a refused address was found, but may not be used.
            watched.reached[:] = [stage for stage in watched.reached if stage != ADDRESS]
            return "address_refused", problem
        case ConnectFailed():
            return "name_unknown", problem
        case AnswerTooLarge():
            return "too_large", problem
        case httpx.ConnectTimeout():
            return "connect_timeout", ""
        case httpx.TimeoutException():
            return "timeout", ""
        case httpx.ConnectError():
            if watched.is_in_tls:
                return "tls_failed", _root(problem)
            is_refused = _errno(problem) == errno.ECONNREFUSED or "refused" in str(problem).lower()
            return ("connect_refused" if is_refused else "unreachable"), _root(problem)
        case httpx.TransportError() | ProviderError():
            return "broke_off", problem
        case _:
            return "address_refused", "The address cannot be used."


def _root(problem: BaseException) -> BaseException:
    while problem.__cause__ is not None:
        problem = problem.__cause__
    return problem


def _errno(problem: BaseException) -> int | None:
    root = _root(problem)
    return root.errno if isinstance(root, OSError) else None
