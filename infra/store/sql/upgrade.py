"""Brings the ledger of schema 1 (a row for each event, in the clear) into blocks."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from engine.events.catalogue import builtin_catalogue
from engine.events.envelope import SecurityEvent
from engine.kernel.errors import DataError
from engine.proofs.chain import GENESIS, link, row_bytes
from infra.store.log.ledger import DEAD_LETTER, RAW, Ledger
from infra.store.log.prepared import prepare

BATCH = 5_000


def bring_old_rows(ledger: Ledger) -> int:
    """Move the rows of ``ledger_v1`` in order, checking their chain, in one transaction; return their number.

    Raise DataError at a row that does not match its hash: nothing is moved then.
    """
    database = ledger.database
    if database.dialect != "sqlite" or not _is_there(database):
        return 0
    moved, previous = 0, GENESIS
    with database.write() as cursor:
        if not _table(cursor):
            return 0
        while True:
            cursor.execute(
                "SELECT position, originator_id, originator_version, topic, state, hash FROM ledger_v1 "
                "WHERE position > ? ORDER BY position LIMIT ?",
                (moved, BATCH),
            )
            rows = cursor.fetchall()
            if not rows:
                break
            events = []
            for row in rows:
                previous = _linked(previous, row, moved + 1)
                moved += 1
                events.append(_old_event(row))
            for received_at, part in _runs(events):
                ledger.append_within(cursor, prepare(part, [], received_at, ledger.sealer))
        _hide_old_bytes(cursor, ledger)
        cursor.execute("DROP TABLE ledger_v1")
    database.purge()
    return moved


def _hide_old_bytes(cursor: Any, ledger: Ledger) -> None:
    """Encrypt dead letters and bodies that still wait; they were kept in the clear."""
    if ledger.sealer is None:
        return
    cursor.execute("SELECT id, received_at, raw FROM dead_letters")
    for row in cursor.fetchall():
        raw, at = bytes(row[2]), datetime.fromisoformat(row[1])
        hidden = (ledger.sealer.lock(DEAD_LETTER, raw, at), ledger.sealer.digest(raw), row[0])
        cursor.execute("UPDATE dead_letters SET raw = ?, digest = ? WHERE id = ?", hidden)
    cursor.execute("SELECT id, received_at, body FROM intake")
    for row in cursor.fetchall():
        hidden_body = ledger.sealer.lock(RAW, bytes(row[2]), datetime.fromisoformat(row[1]))
        cursor.execute("UPDATE intake SET body = ? WHERE id = ?", (hidden_body, row[0]))


def _is_there(database: Any) -> bool:
    with database.read() as cursor:
        return _table(cursor)


def _table(cursor: Any) -> bool:
    cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ledger_v1'")
    return cursor.fetchone() is not None


def _linked(previous: bytes, row: Sequence[Any], expected: int) -> bytes:
    try:
        computed = link(previous, row_bytes(row[0], row[1], row[2], row[3], bytes(row[4])))
    except (TypeError, ValueError, AttributeError, struct.error):
        computed = b""
    if row[0] != expected or computed != row[5]:
        raise DataError(f"the old ledger does not match its hash at position {expected}; it was not brought over")
    return computed


def _old_event(row: Sequence[Any]) -> SecurityEvent:
    line, _, raw = bytes(row[4]).partition(b"\n")
    header = orjson.loads(line)
    flags = tuple(flag for flag in header["flags"] if flag != "source-conflict")
    received_at = datetime.fromisoformat(header["received_at"])
    catalogue = builtin_catalogue()
    personal = tuple(name for name in header["fields"] if catalogue.may_be_personal(name))
    return SecurityEvent(
        header["source"], header["id"], header["action"], datetime.fromisoformat(header["at"]), received_at, flags,
        header["fields"], raw, personal=personal,
    )  # fmt: skip


def _runs(events: Sequence[SecurityEvent]) -> list[tuple[datetime, list[SecurityEvent]]]:
    """Cut at changes of the moment of receipt, so that each keeps its own."""
    runs: list[tuple[datetime, list[SecurityEvent]]] = []
    for event in events:
        if not runs or runs[-1][0] != event.received_at:
            runs.append((event.received_at, []))
        runs[-1][1].append(event)
    return runs
