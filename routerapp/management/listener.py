"""The one listening socket: opened by the supervisor, inherited by every gateway process, so that no connection is refused while one restarts.

Not SO_REUSEPORT: there each process has a queue of its own, and what waits in it is reset when the process dies.
"""

from __future__ import annotations

import os
import socket

from routerapp.bad_setting import BadSetting

LISTENER = "_SIGNALBOX_LISTENER"
# The kernel takes the smaller of this and net.core.somaxconn.
BACKLOG = 4096


def open_listener(host: str, port: int) -> socket.socket:
    """Bound, so that nobody else gets the address, but refusing connections until listen(). Raises BadSetting for a busy port."""
    is_v6 = ":" in host
    listener = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise BadSetting("SIGNALBOX_PORT", str(port), f"a port that is free on {host} ({error.strerror})") from None
    listener.setblocking(False)
    return listener


def inherited_listener() -> socket.socket | None:
    """The supervisor's, in a process it has started."""
    number = os.environ.get(LISTENER)
    return None if number is None else socket.socket(fileno=int(number))
