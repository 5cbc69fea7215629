"""An SMTP server on a loopback port that keeps what it is handed, offers no TLS, and misbehaves when told to."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    text: str


@dataclass
class MailReceiver:
    """behaviour: ok, refuse_recipients, refuse_first, refuse, drip; rude_end, hang_at_end: after it has taken the mail."""

    port: int = 0
    behaviour: str = "ok"
    mails: list[Mail] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def a_mail_receiver() -> Iterator[MailReceiver]:
    receiver = MailReceiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _Talk(self, receiver).run()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_over.set()
        server.shutdown()
        server.server_close()


class _Talk:
    def __init__(self, handler: socketserver.StreamRequestHandler, receiver: MailReceiver) -> None:
        self._handler, self._receiver = handler, receiver
        self._mail = Mail("", [], "")
        self._refused = 0

    def run(self) -> None:
        if self._receiver.behaviour == "drip":
            while not self._receiver.is_over.is_set():
                self._say("220-still greeting")
                time.sleep(0.02)
            return
        self._say("220 receiver")
        while line := self._handler.rfile.readline().decode().strip():
            if not self._answer(line):
                return

    def _answer(self, line: str) -> bool:
        verb = line.upper()
        if verb.startswith("DATA"):
            return self._data()
        if verb.startswith("MAIL FROM:"):
            self._mail.sender = line[10:].split()[0].strip("<>")
        if verb.startswith("RCPT TO:"):
            is_first = not self._refused and not self._mail.recipients
            if self._receiver.behaviour == "refuse_recipients" or (
                self._receiver.behaviour == "refuse_first" and is_first
            ):
                self._refused += 1
                self._say("550 no such person")
                return True
            self._mail.recipients.append(line[8:].strip("<>"))
        if verb.startswith("QUIT"):
            return self._end()
        self._say("250 ok")
        return True

    def _end(self) -> bool:
        if self._receiver.behaviour == "hang_at_end":
            self._receiver.is_over.wait(20)
        self._say("421 go away" if self._receiver.behaviour == "rude_end" else "221 bye")
        return False

    def _data(self) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self._handler.rfile.readline().decode()) not in (".\r\n", ""):
            lines.append(line)
        if self._receiver.behaviour == "refuse":
            self._say("554 not today")
            return True
        self._mail.text = "".join(lines)
        self._receiver.mails.append(self._mail)
        self._say("250 taken")
        return True

    def _say(self, text: str) -> None:
        self._handler.wfile.write(f"{text}\r\n".encode())
