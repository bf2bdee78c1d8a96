"""The only way out of a sandbox that is being built: a local port that leads to the host's allow-listing
proxy.
"""

from __future__ import annotations

import socket
import threading

from sandbox.inside.relay import relay

CONNECTIONS = 32


def forward(port: int, path: str) -> None:
    """Listen on the loopback interface, and hand every connection to the unix socket at ``path``."""
    listener = socket.create_server(("127.0.0.1", port), backlog=CONNECTIONS)
    room = threading.BoundedSemaphore(CONNECTIONS)
    threading.Thread(target=_accept, args=(listener, path, room), daemon=True).start()


def _accept(listener: socket.socket, path: str, room: threading.BoundedSemaphore) -> None:
    while True:
        room.acquire()
        connection, _ = listener.accept()
        threading.Thread(target=_handle, args=(connection, path, room), daemon=True).start()


def _handle(connection: socket.socket, path: str, room: threading.BoundedSemaphore) -> None:
    try:
        with connection, socket.socket(socket.AF_UNIX) as proxy:
            proxy.connect(path)
            relay(connection, proxy)
    except OSError:
        return  # the command sees its connection closed
    finally:
        room.release()
