"""Messages out of a stream of bytes: counted octets (RFC 5425, RFC 6587 3.4.1) or ended by a line feed (3.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 256 * 1024
"""Octets of a message; RFC 5425 asks for at least 8192."""
_DIGITS = 7
_BETWEEN = b"\n\r\0"


class BadFrame(Exception):
    """The bytes are in neither form; what follows them cannot be understood any more."""

    def __init__(self, reason: str, raw: bytes) -> None:
        super().__init__(reason)
        self.raw = raw


class Framer:
    """Takes the bytes of one connection as they come."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return the messages that are whole now. Raises BadFrame."""
        self._held += data
        while True:
            self._held = self._held.lstrip(_BETWEEN)
            frame = self._next()
            if frame is None:
                return
            if frame:
                yield frame

    def end(self) -> bytes | None:
        """Return what is left at the end of the connection, if it is a message. Raises BadFrame when it is a part."""
        held, self._held = self._held.strip(_BETWEEN), b""
        if held[:1].isdigit():
            raise BadFrame("the connection ended within a message", held)
        return held or None

    def _next(self) -> bytes | None:
        held = self._held
        if not held:
            return None
        if held[:1] == b"<":
            line, found, rest = held.partition(b"\n")
            if len(line) > LONGEST:
                raise BadFrame(f"a message may have {LONGEST} bytes", held[:LONGEST])
            if not found:
                return None
            self._held = rest
            return line.rstrip(_BETWEEN)
        count, found, rest = held[: _DIGITS + 1].partition(b" ")
        if not count.isdigit() or (not found and len(count) > _DIGITS):
            raise BadFrame("neither a counted message nor one that begins with '<'", held[:LONGEST])
        if not found:
            return None
        if not 0 < int(count) <= LONGEST:
            raise BadFrame(f"a message may have {LONGEST} bytes", held[:LONGEST])
        start, end = len(count) + 1, len(count) + 1 + int(count)
        if len(held) < end:
            return None
        self._held = held[end:]
        return held[start:end]
