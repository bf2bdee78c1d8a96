"""Copy bytes between two sockets, both ways, until both ends have said all. Used inside and by the
host's proxy.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

CHUNK = 1 << 16
IDLE_SECONDS = 120.0


def relay(one: socket.socket, other: socket.socket) -> None:
    """Returns when both directions have ended; closes neither socket."""
    for end in (one, other):
        end.settimeout(IDLE_SECONDS)
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(CHUNK):
            target.sendall(data)
    except OSError:  # reset, timed out or closed from elsewhere: the other direction ends, too
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
