"""A batch made ready to be stored: all that can be done before it is known which of its events are new.

Preparing is most of the work of storing and needs nothing of the store, so another process can do it; a prepared batch
travels as bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import orjson

from engine.events.envelope import Rejected, SecurityEvent
from infra.store.keys.sealing import Sealer
from infra.store.log.records import CLEAR, HEAD, encode

FOREIGN = "source-mismatch"
_FRAME = struct.Struct(">dQIIII")
_TOKEN = struct.Struct(">16sI")


@dataclass(slots=True)
class Prepared:
    """Records of a batch as they will be stored if new; ``keys`` are 16 bytes for each, ``tokens`` (token, index)."""

    received_at: datetime
    records: list[bytes]
    keys: bytes
    flagged: list[int]
    tokens: list[tuple[bytes, int]]
    rejects: list[Rejected]
    epoch: int = 0
    """Which state of the keys the records were encrypted under; 0 when none was."""

    @property
    def foreign(self) -> bool:
        """Say whether any line names a source that is not the producer's."""
        return any(reject.code == FOREIGN for reject in self.rejects)

    @property
    def set_aside(self) -> int:
        """Count the lines that were rejected."""
        return sum(reject.lines for reject in self.rejects)

    def to_bytes(self) -> bytes:
        """Write for another process."""
        rejects = orjson.dumps(
            [[r.line, r.code, r.reason, r.field, r.source, r.lines, len(r.raw)] for r in self.rejects]
        )
        count = len(self.records)
        return b"".join(
            (
                _FRAME.pack(
                    self.received_at.timestamp(), self.epoch, count, len(self.flagged), len(self.tokens), len(rejects)
                ),
                struct.pack(f">{count}I", *map(len, self.records)),
                self.keys,
                struct.pack(f">{len(self.flagged)}I", *self.flagged),
                *(_TOKEN.pack(token, at) for token, at in self.tokens),
                rejects,
                *(reject.raw for reject in self.rejects),
                *self.records,
            )
        )  # fmt: skip

    @classmethod
    def from_bytes(cls, data: bytes, received_at: datetime) -> Prepared:
        """Read what another process wrote."""
        _, epoch, count, flagged, tokens, length = _FRAME.unpack_from(data)
        at = _FRAME.size
        lengths = struct.unpack_from(f">{count}I", data, at)
        at += 4 * count
        keys = data[at : at + 16 * count]
        at += 16 * count
        flags = list(struct.unpack_from(f">{flagged}I", data, at))
        at += 4 * flagged
        found = [_TOKEN.unpack_from(data, at + 20 * i) for i in range(tokens)]
        at += 20 * tokens
        rejects = []
        heads = orjson.loads(data[at : at + length])
        at += length
        for line, code, reason, field, source, lines, size in heads:
            rejects.append(Rejected(line, code, reason, data[at : at + size], field, source, lines))
            at += size
        records = []
        for size in lengths:
            records.append(data[at : at + size])
            at += size
        return cls(received_at, records, keys, flags, found, rejects, epoch)


def prepare(
    events: Sequence[SecurityEvent], rejects: Sequence[Rejected], received_at: datetime, sealer: Sealer | None
) -> Prepared:
    """Make a batch ready; new keys of persons are durable when this returns. Raises KeysChanged."""
    tokens: list[tuple[bytes, int]] = []
    epoch = 0
    if sealer is not None:
        personal = [at for at, event in enumerate(events) if event.personal]
        if personal:
            epoch = sealer.prepare([events[at] for at in personal], received_at)
            tokens = [(token, at) for at in personal for token in dict.fromkeys(sealer.tokens(events[at]))]
    keys, records = _written(events, received_at, sealer)
    if epoch and sealer is not None:
        sealer.persist()
    flagged = [at for at, event in enumerate(events) if event.flags]
    return Prepared(received_at, records, b"".join(keys), flagged, tokens, list(rejects), epoch)


def _written(
    events: Sequence[SecurityEvent], received_at: datetime, sealer: Sealer | None
) -> tuple[list[bytes], list[bytes]]:
    """Return keys and records; what ``event_key`` and ``encode`` do for the plainest events is written out here."""
    keys: list[bytes] = []
    records: list[bytes] = []
    received, pack, add_key, add = received_at.timestamp(), HEAD.pack, keys.append, records.append
    for event in events:
        source, event_id, _, at, moment, flags, _, raw, _, verbatim, named, personal = event
        key = blake2b(f"{source}\x1f{event_id}".encode(), digest_size=16).digest()
        if verbatim and named and not flags and moment is received_at and not (personal and sealer is not None):
            add(pack(key, CLEAR, 1, at.timestamp(), received, 0, len(raw)) + raw)
        else:
            add(encode(event, key, 1, sealer))
        add_key(key)
    return keys, records
