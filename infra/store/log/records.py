"""How one event is written: a fixed head, what was understood of it, and the bytes as they came.

::

    key (16)  kind (1)  version (2)  event time (8)  receipt (8)  length of meta (4)  length of body (4)  meta  body

``key`` is the hash of (source, event id); ``version`` is 2 and up when a source sent other bytes under an id it had
used. Times are seconds since 1970 as IEEE 754 doubles, exact to the microsecond. ``meta`` is JSON: flags, source and
fields, as far as the body does not say them itself. ``body`` is the raw bytes; in a sealed record it is the personal
fields and the raw bytes, encrypted under the key of the person they are about.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import Any

import orjson

from engine.events.envelope import SecurityEvent
from engine.kernel.errors import DataError
from infra.store.keys.sealing import Sealer

HEAD = struct.Struct(">16sBHddII")
CLEAR, SEALED = 0, 1
TOPIC = "security.block.v1"
ERASED = "erased"
_MAGIC = b"QB1\n"


def event_key(source: str, event_id: str) -> bytes:
    """Return the 16 bytes that stand for (source, event id): no character of an id may join them."""
    return blake2b(f"{source}\x1f{event_id}".encode(), digest_size=16).digest()


def leaf_of(position: int, record: bytes) -> bytes:
    """Return the Merkle leaf of a record: SHA-256 over 0x00, its position and its bytes (RFC 6962, 2.1)."""
    return sha256(b"\x00" + position.to_bytes(8, "big") + record).digest()


def encode(event: SecurityEvent, key: bytes, version: int, sealer: Sealer | None) -> bytes:
    """Write an event; with a sealer, what may be personal is encrypted."""
    if sealer is not None and event.personal:
        return _encode_sealed(event, key, version, sealer)
    if event.verbatim and event.named and not event.flags:
        meta = b""
    elif event.verbatim:
        meta = orjson.dumps({"source": event.source, "flags": event.flags})
    else:
        meta = orjson.dumps({"source": event.source, "flags": event.flags, "fields": event.fields})
    raw = event.raw
    at, received = event.at.timestamp(), event.received_at.timestamp()
    return HEAD.pack(key, CLEAR, version, at, received, len(meta), len(raw)) + meta + raw


def _encode_sealed(event: SecurityEvent, key: bytes, version: int, sealer: Sealer) -> bytes:
    clear = dict(event.fields)
    personal = {name: clear.pop(name) for name in event.personal}
    meta = orjson.dumps({"source": event.source, "flags": event.flags, "fields": clear})
    inner = orjson.dumps(personal)
    body = sealer.seal(event, key, len(inner).to_bytes(4, "big") + inner + event.raw)
    at, received = event.at.timestamp(), event.received_at.timestamp()
    return HEAD.pack(key, SEALED, version, at, received, len(meta), len(body)) + meta + body


def decode(position: int, record: bytes, sealer: Sealer | None) -> SecurityEvent:
    """Read an event; of one whose key was destroyed only what is not personal comes back, flagged ``erased``."""
    key, kind, _, at, received, meta_length, body_length = HEAD.unpack_from(record)
    start = HEAD.size + meta_length
    body = record[start:]
    if len(body) != body_length:
        raise DataError(f"ledger position {position} is not a whole record")
    if not meta_length:
        fields = orjson.loads(body)
        source, verbatim = fields["event.provider"], True
        flags: tuple[str, ...] = ()
    else:
        meta: dict[str, Any] = orjson.loads(record[HEAD.size : start])
        source, flags = meta["source"], tuple(meta["flags"])
        verbatim = "fields" not in meta
        fields = orjson.loads(body) if verbatim else meta["fields"]
        if verbatim:
            fields["event.provider"] = source
    if kind == SEALED:
        plain = sealer.open(key, body) if sealer is not None else None
        if plain is None:
            flags, body = (*flags, ERASED), b""
        else:
            end = 4 + int.from_bytes(plain[:4], "big")
            fields.update(orjson.loads(plain[4:end]))
            body = plain[end:]
    return SecurityEvent(
        source, fields["event.id"], fields["event.action"], datetime.fromtimestamp(at, UTC),
        datetime.fromtimestamp(received, UTC), flags, fields, body, position, verbatim,
    )  # fmt: skip


def decode_all(first: int, records: Sequence[bytes], sealer: Sealer | None) -> list[SecurityEvent]:
    """Read the records of a block from position ``first`` on: the same as ``decode`` for each, for most far quicker."""
    events: list[SecurityEvent] = []
    unpack_from, loads, new, start, add = HEAD.unpack_from, orjson.loads, tuple.__new__, HEAD.size, events.append
    moment, received_at = -1.0, None
    if sealer is not None:
        sealed = [record for record in records if record[16] == SEALED]
        if sealed:
            sealer.expect([record[start + HEAD.unpack_from(record)[5] :] for record in sealed])
    for position, record in enumerate(records, first):
        _, kind, _, at, received, meta, length = unpack_from(record)
        body = record[start:]
        if meta or kind or len(body) != length:
            add(decode(position, record, sealer))
            continue
        if received != moment:
            moment, received_at = received, datetime.fromtimestamp(received, UTC)
        fields = loads(body)
        add(
            new(
                SecurityEvent,
                (fields["event.provider"], fields["event.id"], fields["event.action"], datetime.fromtimestamp(at, UTC),
                 received_at, (), fields, body, position, True, True, ()),
            )
        )  # fmt: skip
    return events


def conflicting(record: bytes, version: int, flag: str) -> bytes:
    """Return a record as a further version of its event, flagged. What is encrypted stays as it is."""
    key, kind, _, at, received, meta_length, body_length = HEAD.unpack_from(record)
    body = record[HEAD.size + meta_length :]
    if meta_length:
        meta = orjson.loads(record[HEAD.size : HEAD.size + meta_length])
    else:
        meta = {"source": orjson.loads(body)["event.provider"], "flags": []}
    meta["flags"] = [*meta["flags"], flag]
    written = orjson.dumps(meta)
    return HEAD.pack(key, kind, version, at, received, len(written), body_length) + written + body


def pack(records: Sequence[bytes]) -> bytes:
    """Put the records of one commit into one block: magic, count, the length of each, the records."""
    return b"".join((_MAGIC, struct.pack(f">I{len(records)}I", len(records), *map(len, records)), *records))


def unpack(state: bytes, skip: int = 0, most: int | None = None) -> list[bytes]:
    """Take a block apart, from record ``skip`` on, at most so many. Raise ValueError for what ``pack`` never wrote."""
    if skip < 0 or (most is not None and most < 0):
        raise ValueError("a part of a block that cannot be")
    if state[:4] != _MAGIC:
        raise ValueError("not a block")
    if len(state) < 8:
        raise ValueError("a block that ends in its head")
    count = int.from_bytes(state[4:8], "big")
    if len(state) < 8 + 4 * count:
        raise ValueError("a block that ends in its index")
    lengths = struct.unpack_from(f">{count}I", state, 8)
    if 8 + 4 * count + sum(lengths) != len(state):
        raise ValueError("the records do not fill the block")
    at = 8 + 4 * count + sum(lengths[:skip])
    records: list[bytes] = []
    for length in lengths[skip : None if most is None else skip + most]:
        records.append(state[at : at + length])
        at += length
    return records
