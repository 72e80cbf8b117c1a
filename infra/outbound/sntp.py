"""Asks a time server what time it is: SNTP (RFC 4330), one datagram there and one back."""

from __future__ import annotations

import secrets
import socket
import struct
from datetime import UTC, datetime, timedelta

PORT = 123
TIMEOUT_S = 2.0
_ASK = 0x23
"""Leap indicator 0, version 4, mode 3 (client)."""
_SERVER, _UNSYNCHRONISED, _WORST = 4, 3, 15
_ERA = datetime(1900, 1, 1, tzinfo=UTC)
_ERA_LENGTH = timedelta(seconds=2**32)


class SntpServer:
    """One server; it is believed no more than its answer shows that it heard the question."""

    def __init__(self, address: str, timeout_s: float = TIMEOUT_S) -> None:
        host, _, port = address.partition(":") if address.count(":") <= 1 else (address, "", "")
        self.name, self.host, self.port, self.timeout_s = address, host, int(port or PORT), timeout_s

    def ask(self) -> datetime | None:
        """Return the present instant by the server; None when it does not answer, or answers what is no time."""
        nonce = secrets.token_bytes(8)
        question = bytes([_ASK]) + bytes(39) + nonce
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind, protocol) as link:
                link.settimeout(self.timeout_s)
                link.connect(where)
                link.send(question)
                answer = link.recv(512)
        except OSError:
            return None
        return read(answer, nonce)


def read(answer: bytes, nonce: bytes) -> datetime | None:
    """Return the time that an answer carries; None for one that is not to our question, or of a server that does not
    know the time itself."""
    if len(answer) < 48 or answer[24:32] != nonce:
        return None
    leap, mode, stratum = answer[0] >> 6, answer[0] & 7, answer[1]
    seconds, fraction = struct.unpack("!II", answer[40:48])
    if mode != _SERVER or leap == _UNSYNCHRONISED or not 1 <= stratum <= _WORST or not seconds:
        return None
    instant = _ERA + timedelta(seconds=seconds + fraction / 2**32)
    return instant if seconds & 0x80000000 else instant + _ERA_LENGTH  # RFC 4330, section 3: era 1 begins in 2036
