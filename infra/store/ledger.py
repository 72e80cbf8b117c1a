"""The ledger of security events on SQLite: the library's recorder with its own table, batch path and hash chain.

Row: position (1, 2, 3 … without gaps), originator = uuid5(source, event id), version (2 and up when a source sent
other bytes under an id it had used), topic, state, digest of the raw bytes, chain hash. State is one JSON line (what
was understood at the time) followed by the bytes as they came.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteCursor

from engine.errors import DataError
from engine.events import Rejected, SecurityEvent
from engine.ids import NAMESPACE
from engine.ports import Taken
from engine.timestamps import iso
from infra.store.chain import GENESIS, link
from infra.store.database import Database

TOPIC = "security.event.v1"
CONFLICT = "source-conflict"
_EVENT_KEYS = hashlib.sha1(NAMESPACE.bytes + b"event\x1f", usedforsecurity=False)


class LedgerRecorder(SQLiteApplicationRecorder):
    """The library's application recorder, with explicit gap-free positions, digests and a hash chain."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.store, events_table_name="ledger")

    def construct_create_table_statements(self) -> list[str]:
        """Give the table: ``position`` is the rowid, so the library's reading of notifications works unchanged."""
        return [
            "CREATE TABLE IF NOT EXISTS ledger (position INTEGER PRIMARY KEY, originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, digest BLOB NOT NULL, "
            "hash BLOB NOT NULL, UNIQUE (originator_id, originator_version))"
        ]

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], *, digests: Sequence[bytes] = (), **_: Any
    ) -> Sequence[int]:
        position, previous = head_of(c, "ledger")
        rows = []
        for event, digest in zip(stored_events, digests or [b""] * len(stored_events), strict=True):
            position += 1
            key = event.originator_id if isinstance(event.originator_id, str) else event.originator_id.hex
            previous = link(previous, position, key, event.originator_version, event.topic, event.state)
            rows.append((position, key, event.originator_version, event.topic, event.state, digest, previous))
        c.executemany("INSERT INTO ledger VALUES (?,?,?,?,?,?,?)", rows)
        return range(position - len(rows) + 1, position + 1)


def head_of(cursor: Any, table: str) -> tuple[int, bytes]:
    """Give the last position of a chained table and its hash."""
    cursor.execute(f"SELECT position, hash FROM {table} ORDER BY position DESC LIMIT 1")  # noqa: S608 - our own name
    row = cursor.fetchone()
    return (row[0], row[1]) if row else (0, GENESIS)


class SqliteLedger:
    """Answers the port ``Ledger``."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.recorder = LedgerRecorder(database)
        with database.write() as cursor:
            self.recorder._create_table(cursor)  # type: ignore[arg-type]

    def append(self, events: Sequence[SecurityEvent], rejects: Sequence[Rejected], received_at: datetime) -> Taken:
        """Store a batch and its dead letters in one transaction; returns after it is durable."""
        with self.database.write() as cursor:
            return self.append_within(cursor, events, rejects, received_at)

    def append_within(
        self, cursor: sqlite3.Cursor, events: Sequence[SecurityEvent], rejects: Sequence[Rejected], at: datetime
    ) -> Taken:
        """Do the same inside a write transaction of the caller's."""
        fresh, digests, duplicates, flagged = self._sift(cursor, events)
        if fresh:
            self.recorder._insert_events(cursor, fresh, digests=digests)  # type: ignore[arg-type]
        bury(cursor, rejects, at)
        return Taken(accepted=len(fresh), duplicate=duplicates, rejected=len(rejects), flagged=flagged)

    def _sift(
        self, cursor: sqlite3.Cursor, events: Sequence[SecurityEvent]
    ) -> tuple[list[StoredEvent], list[bytes], int, int]:
        """Tell the new from the known; other bytes under a known id are kept as a further version and flagged."""
        ids = [event_key(event.source, event.event_id) for event in events]
        known = self._known(cursor, ids)
        fresh: list[StoredEvent] = []
        digests: list[bytes] = []
        duplicates = flagged = 0
        for originator, event in zip(ids, events, strict=True):
            digest = hashlib.sha256(event.raw).digest()
            seen = known.setdefault(originator, [])
            if digest in seen:
                duplicates += 1
                continue
            if seen:
                event = replace(event, flags=(*event.flags, CONFLICT))
            seen.append(digest)
            flagged += bool(event.flags)
            fresh.append(StoredEvent(originator, len(seen), TOPIC, encode(event)))
            digests.append(digest)
        return fresh, digests, duplicates, flagged

    def _known(self, cursor: sqlite3.Cursor, ids: Sequence[str]) -> dict[str, list[bytes]]:
        known: dict[str, list[bytes]] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            cursor.execute(
                f"SELECT originator_id, digest FROM ledger WHERE originator_id IN ({marks}) "  # noqa: S608
                "ORDER BY originator_version",
                part,
            )
            for row in cursor.fetchall():
                known.setdefault(row[0], []).append(row[1])
        return known

    def read(self, after: int, limit: int) -> list[SecurityEvent]:
        """Give up to ``limit`` events with positions above ``after``, in order."""
        with self.database.read() as cursor:
            cursor.execute(
                "SELECT position, topic, state FROM ledger WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
            )
            return [decode(row[0], row[1], row[2]) for row in cursor.fetchall()]

    def get(self, position: int) -> SecurityEvent | None:
        """Give one event."""
        found = self.read(position - 1, 1)
        return found[0] if found and found[0].position == position else None

    def head(self) -> int:
        """Give the last position, 0 for an empty ledger."""
        return int(self.database.scalar("SELECT MAX(position) FROM ledger") or 0)


def event_key(source: str, event_id: str) -> str:
    """Give ``derive("event", source, event_id)`` as hex, without building the object (three times as quick)."""
    hashed = _EVENT_KEYS.copy()
    hashed.update(f"{source}\x1f{event_id}".encode())
    digest = bytearray(hashed.digest())
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return digest[:16].hex()


def bury(cursor: sqlite3.Cursor, rejects: Sequence[Rejected], at: datetime) -> None:
    """Keep dead letters with their bytes; the same bytes of the same source are kept once and counted."""
    cursor.executemany(
        "INSERT INTO dead_letters (source, received_at, line, code, field, reason, raw, digest) "
        "VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (source, digest) DO UPDATE SET times = times + 1",
        [
            (r.source, iso(at), r.line, r.code, r.field, r.reason, r.raw, hashlib.sha256(r.raw).digest())
            for r in rejects
        ],
    )


def encode(event: SecurityEvent) -> bytes:
    """Write an event as it is stored."""
    header = {
        "source": event.source,
        "id": event.event_id,
        "action": event.action,
        "at": event.at,
        "received_at": event.received_at,
        "flags": event.flags,
        "fields": event.fields,
    }
    return orjson.dumps(header, option=orjson.OPT_UTC_Z) + b"\n" + event.raw


def decode(position: int, topic: str, state: bytes) -> SecurityEvent:
    """Read an event as it is stored; an unknown topic is an error, never an import."""
    if topic != TOPIC:
        raise DataError(f"ledger position {position} has the unknown topic '{topic[:60]}'")
    line, _, raw = state.partition(b"\n")
    header = orjson.loads(line)
    return SecurityEvent(
        header["source"],
        header["id"],
        header["action"],
        datetime.fromisoformat(header["at"]),
        datetime.fromisoformat(header["received_at"]),
        tuple(header["flags"]),
        header["fields"],
        raw,
        position,
    )


def _relink(previous: bytes, row: Sequence[Any]) -> bytes | None:
    """Count the hash of a stored row anew; None when the row is not even of the shape the ledger writes."""
    try:
        return link(previous, row[0], row[1], row[2], row[3], bytes(row[4]))
    except (TypeError, ValueError, AttributeError, struct.error):
        return None


def verify_chain(connection: sqlite3.Connection | sqlite3.Cursor, table: str) -> Iterator[tuple[int, str | None]]:
    """Walk a chained table: gives (position, None) at intervals and at the end, and (position, fault) at a fault."""
    previous, expected = GENESIS, 0
    rows = connection.execute(
        f"SELECT position, originator_id, originator_version, topic, state, hash FROM {table} "  # noqa: S608
        "ORDER BY position"
    )
    for row in rows:
        expected += 1
        if row[0] != expected:
            yield expected, f"position {expected} is missing; the next one is {row[0]}"
            return
        computed = _relink(previous, row)
        if computed is None or computed != row[5]:
            yield row[0], f"position {row[0]} does not match its hash"
            return
        previous = computed
        if expected % 10_000 == 0:
            yield expected, None
    yield expected, None
