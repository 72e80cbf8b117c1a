"""Writing what is noted of events: how many came of each type and day, and when each source was heard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.kernel.timestamps import iso
from infra.store.models.ddl import insert
from infra.store.models.effects import ProofRow, SourceRow, TallyRow
from infra.store.models.record import read, row_of, selected
from infra.store.sql.cursor import Cursor


def add(cursor: Cursor, counts: Sequence[TallyRow]) -> None:
    """Add counts to those of the same type and day; the last event is that of the counts added."""
    cursor.executemany(
        insert(TallyRow) + " ON CONFLICT (action, day) DO UPDATE SET count = tally.count + excluded.count, "
        "last = excluded.last, last_at = excluded.last_at",
        [row_of(it) for it in counts],
    )


def prove(cursor: Cursor, found: Sequence[ProofRow]) -> None:
    """Note the newest evidence of each obligation and type."""
    cursor.executemany(
        insert(ProofRow) + " ON CONFLICT (obligation, action) DO UPDATE SET position = excluded.position, "
        "at = excluded.at, done_at = excluded.done_at WHERE excluded.position > proofs.position",
        [row_of(it) for it in found],
    )


def forget(cursor: Cursor) -> None:
    """Take every count away, to count again."""
    cursor.execute("DELETE FROM tally")


def expect(cursor: Cursor, source: str, at: datetime) -> SourceRow:
    """Return what is known of a source; it is expected from now on when nothing is."""
    new = row_of(SourceRow(source, at, silent=False))
    cursor.execute(insert(SourceRow) + " ON CONFLICT (source) DO NOTHING", new)
    cursor.execute(f"SELECT {selected(SourceRow)} FROM expected_sources WHERE source = ?", (source,))  # noqa: S608
    return read(SourceRow, cursor.fetchone())


def heard(cursor: Cursor, source: str, at: datetime) -> None:
    """Note that a source was heard; an earlier instant changes nothing."""
    cursor.execute(
        "UPDATE expected_sources SET heard_at = ?, silent = 0 WHERE source = ? AND heard_at <= ?",
        (iso(at), source, iso(at)),
    )


def silent(cursor: Cursor, source: str) -> None:
    """Note that a source has fallen silent."""
    cursor.execute("UPDATE expected_sources SET silent = 1 WHERE source = ?", (source,))
