"""Whether the clock of the machine is doubted: a fault that every process sees, and what was believed last."""

from __future__ import annotations

from typing import NamedTuple

import orjson

from infra.observe.stage_health import fault_of, forget_within
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Database, Readable

FAULT = "clock"
_ANCHOR = "time-believed"


class Believed(NamedTuple):
    """An instant (RFC 3339) that was believed, and how far the machine's own seconds were then, of which start."""

    wall: str
    passed: float
    boot: str


def is_doubted(database: Readable) -> bool:
    """Say whether the clock of the machine made a step that nobody has settled."""
    return fault_of(database, FAULT) is not None


def settle(cursor: Cursor) -> None:
    """End the doubt in the transaction that says why: what was believed before is not compared with any more."""
    forget_within(cursor, FAULT)
    cursor.execute("DELETE FROM meta WHERE key = ?", (_ANCHOR,))


def believed(database: Readable) -> Believed | None:
    """Return what was believed last."""
    row = database.row("SELECT value FROM meta WHERE key = ?", _ANCHOR)
    return Believed(**orjson.loads(row["value"])) if row is not None else None


def keep(database: Database, it: Believed) -> None:
    """Keep what is believed."""
    with database.write() as cursor:
        cursor.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_ANCHOR, orjson.dumps(it._asdict()).decode()),
        )
