"""Read the server's name out of the first bytes of a TLS connection: pure, and never trusting a length."""

from __future__ import annotations

from dataclasses import dataclass

HANDSHAKE, CLIENT_HELLO = 22, 1
SERVER_NAME, HOST_NAME = 0, 0
HELLO_CAP = 1 << 16


class Malformed(Exception):
    """Not the beginning of a TLS connection, or one without the name of its server."""


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Malformed("cut short")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def sized(self, size: int) -> bytes:
        return self.take(self.number(size))

    @property
    def more(self) -> bool:
        return self.at < len(self.data)


def server_name(received: bytes) -> str | None:
    """The name that a client asks for; None while more bytes are needed."""
    hello = _hello(received)
    if hello is None:
        return None
    reader = _Reader(hello)
    reader.take(2 + 32)  # version, random
    reader.sized(1)  # session
    reader.sized(2)  # ciphers
    reader.sized(1)  # compression
    extensions = _Reader(reader.sized(2))
    while extensions.more:
        kind, content = extensions.number(2), extensions.sized(2)
        if kind == SERVER_NAME:
            names = _Reader(_Reader(content).sized(2))
            if names.number(1) != HOST_NAME:
                raise Malformed("not a host name")
            return names.sized(2).decode("ascii", "replace").lower()
    raise Malformed("no server name")


def _hello(received: bytes) -> bytes | None:
    """The ClientHello, put together from as many records as it takes."""
    handshake = b""
    at = 0
    while at + 5 <= len(received):
        if received[at] != HANDSHAKE:
            raise Malformed("not TLS")
        size = int.from_bytes(received[at + 3 : at + 5], "big")
        handshake += received[at + 5 : at + 5 + size]
        at += 5 + size
        if len(handshake) >= 4:
            if handshake[0] != CLIENT_HELLO:
                raise Malformed("not a client's first message")
            length = int.from_bytes(handshake[1:4], "big")
            if length > HELLO_CAP:
                raise Malformed("too long")
            if len(handshake) >= 4 + length:
                return handshake[4 : 4 + length]
    if len(received) > HELLO_CAP or (received and received[0] != HANDSHAKE):
        raise Malformed("not TLS")
    return None
