"""The hash chain over the log of decisions: each row's hash covers the row before it, so no row can change unseen.

A chain alone does not stop somebody who can recompute it; it names the row that was touched by accident or by hand,
and the signed tree over the same bytes stops the rest.
"""

from __future__ import annotations

import struct
from hashlib import sha256

GENESIS = bytes(32)


def row_bytes(position: int, originator: str, version: int, topic: str, state: bytes) -> bytes:
    """Return what is hashed of a row: its parts, each of fixed length or with its length before it.

    ``originator`` is the id of what the row belongs to, as 32 hex digits.
    """
    name = topic.encode()
    head = struct.pack(">Q16sII", position, bytes.fromhex(originator), version, len(name))
    return b"".join((head, name, struct.pack(">I", len(state)), state))


def link(previous: bytes, row: bytes) -> bytes:
    """Return the hash of a row: SHA-256 over the previous hash and the row."""
    return sha256(previous + row).digest()


def leaf(row: bytes) -> bytes:
    """Return the row's leaf in the Merkle tree (RFC 6962, 2.1)."""
    return sha256(b"\x00" + row).digest()
