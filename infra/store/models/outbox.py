"""Writing the outbox: an effect is ordered, begun, tried, settled, taken back, or sent again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from engine.kernel.ports import Intent
from engine.kernel.timestamps import iso
from infra.store.models.ddl import insert
from infra.store.models.effects import EffectRow
from infra.store.models.record import row_of
from infra.store.sql.cursor import Cursor


def order(cursor: Cursor, intent: Intent, at: datetime) -> None:
    """Order an effect; the same key is ordered once."""
    payload = orjson.dumps(intent.message.payload()).decode()
    row = EffectRow(intent.key, intent.kind, payload, at, "waiting", 0, intent.not_before or at, "")
    cursor.execute(insert(EffectRow) + " ON CONFLICT DO NOTHING", row_of(row))


def revoke(cursor: Cursor, key: str) -> None:
    """Take an order for an effect back that nobody has begun to carry out."""
    cursor.execute("UPDATE outbox SET state = 'revoked' WHERE key = ? AND state = 'waiting'", (key,))


def done_by_hand(cursor: Cursor, key: str) -> None:
    """Take a waiting order back, and those whose key continues it after a colon: a person has carried it out."""
    cursor.execute(
        "UPDATE outbox SET state = 'by-hand' WHERE state = 'waiting' AND (key = ? OR key > ? AND key < ?)",
        (key, f"{key}:", f"{key};"),
    )


def begin(cursor: Cursor, keys: Sequence[str]) -> None:
    """Mark effects as under way, before they are."""
    cursor.executemany("UPDATE outbox SET state = 'performing' WHERE key = ?", [(key,) for key in keys])


def begun(cursor: Cursor, key: str) -> bool:
    """Say whether an effect, or one whose key continues it after a colon, was ever tried or is under way."""
    cursor.execute(
        "SELECT COUNT(*) FROM outbox WHERE (key = ? OR key > ? AND key < ?) "
        "AND (attempts > 0 OR state NOT IN ('waiting', 'revoked'))",
        (key, f"{key}:", f"{key};"),
    )
    return bool(cursor.fetchone()[0])


def resume(cursor: Cursor, kinds: Collection[str]) -> None:
    """Let the effects of some kinds that were under way wait again."""
    marks = ",".join("?" * len(kinds))
    sql = f"UPDATE outbox SET state = 'waiting' WHERE state = 'performing' AND kind IN ({marks})"  # noqa: S608
    cursor.execute(sql, tuple(kinds))


def unknown(cursor: Cursor, keys: Sequence[str], why: str) -> None:
    """Mark effects as unknown: nobody sends them before a person has asked."""
    cursor.executemany("UPDATE outbox SET state = 'unknown', last_answer = ? WHERE key = ?", [(why, k) for k in keys])


class Tried(NamedTuple):
    """What a try of an effect came to."""

    state: str
    attempts: int
    next_at: datetime
    answer: str
    key: str


def tried(cursor: Cursor, tries: Sequence[Tried]) -> None:
    """Note what tries came to."""
    cursor.executemany(
        "UPDATE outbox SET state = ?, attempts = ?, next_at = ?, last_answer = ? WHERE key = ?",
        [it._replace(next_at=iso(it.next_at)) for it in tries],  # type: ignore[arg-type]
    )


def send_again(cursor: Cursor, keys: Sequence[str], at: datetime) -> None:
    """Let effects wait again, as if none had been tried."""
    cursor.executemany(
        "UPDATE outbox SET state = 'waiting', attempts = 0, next_at = ? WHERE key = ?", [(iso(at), key) for key in keys]
    )
