"""The hash chain over stored bytes: each row's hash covers the row before it, so no row can change unseen.

A chain alone does not stop somebody who can recompute it; it makes accidents and partial edits visible, and is what
signed checkpoints will stand on.
"""

from __future__ import annotations

import hashlib
import struct

GENESIS = bytes(32)


def link(previous: bytes, position: int, originator: str, version: int, topic: str, state: bytes) -> bytes:
    """Give the hash of a row: SHA-256 over the previous hash and the length-prefixed parts of the row.

    ``originator`` is the id of what the row belongs to, as 32 hex digits.
    """
    name = topic.encode()
    head = struct.pack(">32sQ16sII", previous, position, bytes.fromhex(originator), version, len(name))
    return hashlib.sha256(b"".join((head, name, struct.pack(">I", len(state)), state))).digest()
