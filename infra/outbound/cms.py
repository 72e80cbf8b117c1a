"""Just as much of CMS (RFC 5652) as must be known of a signature before another program is asked about it: that it is
detached, over plain data, and of exactly one signer. Reads BER, for NCALayer and NCANode write lengths open.

NCANode leaves the data it is given aside where a signature brings its own, and calls one without signers valid.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.notices.reasons import NO_CMS, NOT_DETACHED, NOT_ONE

SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
DATA = bytes.fromhex("2a864886f70d010701")
SEQUENCE, SET, INTEGER, OID, FIRST = 0x30, 0x31, 0x02, 0x06, 0xA0
_DEEPEST = 40


class CmsFault(ValueError):
    """It is no such signature; the text is a message id."""


class Node(NamedTuple):
    """One value: its tag, its bytes, and its parts where it has any."""

    tag: int
    body: bytes
    parts: tuple[Node, ...]


def signer_serial(cms: bytes) -> int | None:
    """Return the serial number of the certificate that the one signer names, None where it names its key otherwise.

    Raise CmsFault for what is no detached signature of one signer.
    """
    try:
        whole, end = _read(cms, 0, len(cms), 0)
        if end != len(cms):
            raise CmsFault(NO_CMS)
        kind, wrapped = whole.parts
        version, digests, content, *more = wrapped.parts[0].parts
    except (ValueError, IndexError):
        raise CmsFault(NO_CMS) from None
    shaped = (whole.tag, kind.tag, wrapped.tag, version.tag, digests.tag, content.tag)
    if shaped != (SEQUENCE, OID, FIRST, INTEGER, SET, SEQUENCE) or kind.body != SIGNED_DATA or not more:
        raise CmsFault(NO_CMS)
    if len(content.parts) != 1:
        raise CmsFault(NOT_DETACHED)
    if content.parts[0].body != DATA:
        raise CmsFault(NO_CMS)
    signers = more[-1]
    if signers.tag != SET or len(signers.parts) != 1:
        raise CmsFault(NOT_ONE)
    return _serial(signers.parts[0])


def _serial(signer: Node) -> int | None:
    if signer.tag != SEQUENCE or len(signer.parts) < 2:
        raise CmsFault(NO_CMS)
    name = signer.parts[1]
    if name.tag != SEQUENCE:
        return None
    if len(name.parts) != 2 or name.parts[1].tag != INTEGER:
        raise CmsFault(NO_CMS)
    return int.from_bytes(name.parts[1].body, "big", signed=True)


def _read(data: bytes, at: int, end: int, depth: int) -> tuple[Node, int]:
    """Read one value; return it and where it ends. Raise ValueError, IndexError."""
    tag, length = data[at], data[at + 1]
    if depth > _DEEPEST or tag & 0x1F == 0x1F or at + 2 > end:
        raise ValueError
    constructed, at = bool(tag & 0x20), at + 2
    if length == 0x80:
        if not constructed:
            raise ValueError
        return _open(data, tag, at, end, depth)
    if length > 0x80:
        size = length - 0x80
        if size > 4 or at + size > end:
            raise ValueError
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    stop = at + length
    if stop > end:
        raise ValueError
    parts: list[Node] = []
    here = at
    while constructed and here < stop:
        part, here = _read(data, here, stop, depth + 1)
        parts.append(part)
    return Node(tag, data[at:stop], tuple(parts)), stop


def _open(data: bytes, tag: int, at: int, end: int, depth: int) -> tuple[Node, int]:
    """Read the parts of a value whose length stands open, up to its mark of the end."""
    parts: list[Node] = []
    here = at
    while data[here : here + 2] != b"\0\0":
        part, here = _read(data, here, end, depth + 1)
        parts.append(part)
    if here + 2 > end:
        raise ValueError
    return Node(tag, data[at:here], tuple(parts)), here + 2
