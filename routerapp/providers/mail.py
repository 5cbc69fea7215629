"""One e-mail over SMTP, watched: the same egress guard as every other way out, a checked address, one limit for the whole of it.

A password goes over TLS or not at all. Nothing is retried or judged here.
"""

from __future__ import annotations

import contextlib
import errno
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from routerapp.providers.control import Lookup, look_up
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ConnectFailed, EgressRefused

CONNECT_SECONDS = 5.0
_LARGEST_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that takes mail from us. is_tls: from the first byte."""

    host: str
    port: int
    is_tls: bool
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Mailing:
    """problem: empty when the relay took it; else address_refused, name_unknown, connect_refused, unreachable, tls_failed, no_tls,
    login_refused, recipients_refused, refused, timeout or broke_off. detail may quote the relay. left_out: the recipients it refused
    of a message it took for the others.
    """

    problem: str = ""
    detail: str = ""
    left_out: tuple[str, ...] = ()


class _NoTls(Exception):
    """There is a password and the relay offers no TLS to send it over."""


def send_mail(
    message: EmailMessage,
    recipients: Sequence[str],
    relay: Relay,
    guard: EgressGuard,
    seconds: float,
    *,
    lookup: Lookup = look_up,
    ssl_context: ssl.SSLContext | None = None,
) -> Mailing:
    """Hands it to the relay; never raises for what goes wrong outside. ssl_context: other trust anchors than the system's."""
    job = _Job(message, recipients, relay, guard, seconds, lookup, ssl_context or ssl.create_default_context())
    thread = threading.Thread(target=job.run, name="mail", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        # Ends the thread at its next read, however slowly the other side drips.
        job.hang_up()
        return job.taken or Mailing("timeout")
    return job.taken or job.mailing


@dataclass(slots=True)
class _Job:
    message: EmailMessage
    recipients: Sequence[str]
    relay: Relay
    guard: EgressGuard
    seconds: float
    lookup: Lookup
    tls: ssl.SSLContext
    mailing: Mailing = Mailing("broke_off")
    # Set once the relay has said yes to the message. However the talk ends after that, sending again would be a second mail.
    taken: Mailing | None = None
    socket: socket.socket | None = None

    def run(self) -> None:
        try:
            self._send()
        except Exception as problem:  # whatever it was, the person who asked wants to read it
            code, detail = _explained(problem)
            self.mailing = Mailing(code, str(detail)[:_LARGEST_DETAIL])

    def hang_up(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        relay = self.relay
        # The guard knows hosts by URL; a relay's has the same rules.
        host = f"[{relay.host}]" if ":" in relay.host else relay.host
        self.guard.check_url(f"https://{host}:{relay.port}")
        addresses = self.lookup(relay.host, relay.port)
        self.guard.check_addresses(relay.host, addresses)
        with _client(self, addresses) as client:
            client.ehlo_or_helo_if_needed()
            if not relay.is_tls and client.has_extn("starttls"):
                client.starttls(context=self.tls)
                client.ehlo()
            elif not relay.is_tls and relay.username:
                raise _NoTls
            if relay.username:
                client.login(relay.username, relay.password)
            self.taken = Mailing(left_out=tuple(client.send_message(self.message, to_addrs=list(self.recipients))))


def _client(job: _Job, addresses: Sequence[str]) -> smtplib.SMTP:
    """smtplib, connecting to a checked address while it speaks to the name."""

    class Client(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            connection = _connected(addresses, port)
            connection.settimeout(timeout)
            job.socket = connection
            if not job.relay.is_tls:
                return connection
            job.socket = job.tls.wrap_socket(connection, server_hostname=host)
            return job.socket

    return Client(job.relay.host, job.relay.port, timeout=job.seconds)


def _connected(addresses: Sequence[str], port: int) -> socket.socket:
    failure: OSError = OSError("The name has no address.")
    for address in addresses:
        try:
            return socket.create_connection((address, port), CONNECT_SECONDS)
        except OSError as problem:
            failure = problem
    raise failure


def _explained(problem: Exception) -> tuple[str, Any]:
    match problem:
        case EgressRefused():
            return "address_refused", problem
        case ConnectFailed():
            return "name_unknown", problem
        case _NoTls():
            return "no_tls", ""
        case smtplib.SMTPException():
            return _refused(problem)
        case ssl.SSLError():
            return "tls_failed", problem.reason or problem
        case TimeoutError():
            return "timeout", ""
        case OSError():
            is_refused = problem.errno == errno.ECONNREFUSED
            return ("connect_refused" if is_refused else "unreachable"), problem.strerror or ""
    return "broke_off", ""


def _refused(problem: smtplib.SMTPException) -> tuple[str, str]:
    match problem:
        case smtplib.SMTPAuthenticationError():
            return "login_refused", ""
        case smtplib.SMTPRecipientsRefused():
            return "recipients_refused", _first_answer(problem)
        case smtplib.SMTPResponseException():
            return "refused", _text(problem.smtp_code, problem.smtp_error)
    return "broke_off", ""


def _first_answer(problem: smtplib.SMTPRecipientsRefused) -> str:
    return next((_text(*answer) for answer in problem.recipients.values()), "")


def _text(code: int, words: bytes | str) -> str:
    return f"{code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}"
