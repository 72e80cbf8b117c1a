"""The blind index: for each commit the tokens of its events, one after the other.

A token is a keyed hash of an identifier, so an index sorted by tokens would touch a new page for each and cost more the
larger it is. Looking somebody up is rare and reads 24 bytes for each personal event; writing is an append.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

ENTRY = struct.Struct(">16sQ")


def pack(tokens: Sequence[tuple[bytes, int]]) -> bytes:
    """Write (token, position) pairs."""
    return b"".join(ENTRY.pack(token, position) for token, position in tokens)


def positions(entries: bytes, token: bytes) -> Iterator[int]:
    """Return the positions under a token."""
    at = entries.find(token)
    while at >= 0:
        if at % ENTRY.size == 0:
            yield ENTRY.unpack_from(entries, at)[1]
        at = entries.find(token, at + 1)


def forget(cursor: Any, tokens: Sequence[bytes]) -> None:
    """Take the entries of tokens out, in the caller's transaction."""
    cursor.execute("SELECT last, entries FROM blind_index")
    for last, blob in cursor.fetchall():
        entries = bytes(blob)
        if any(token in entries for token in tokens):
            kept = [ENTRY.unpack_from(entries, at) for at in range(0, len(entries), ENTRY.size)]
            left = pack([entry for entry in kept if entry[0] not in tokens])
            cursor.execute("UPDATE blind_index SET entries = ? WHERE last = ?", (left, last))
