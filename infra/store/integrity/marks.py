"""Keeps the marks of the rows that no log tells, in the transaction that changes the rows.

The database says at the end of each write transaction which rows it touched and how they were before. A row that was
not as its mark says before the transaction is not marked anew: what somebody changed beside the product stays found,
whatever the product writes into the row afterwards.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.kernel.errors import QorgauError
from engine.proofs.marks import Total, mark_of, total_of
from infra.store.integrity.tables import BY_NAME, MARKED, Marked
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Database, Readable

Key = tuple[Any, ...]
Touched = Mapping[tuple[str, Key], Sequence[Any] | None]
"""Table and key → the values before the transaction, in the order of the columns; None for a row that was not there."""
AT_ONCE = 300
log = logging.getLogger("qorgau.integrity")


class RowAltered(QorgauError):
    """A row is not as the product left it."""

    code = "store.row-altered"

    @property
    def outline(self) -> str:
        """What is kept of it where people read faults: the table, no key."""
        return self.message.split(":")[0]


@dataclass(frozen=True, slots=True)
class Altered:
    """A row, or a table as a whole (``key`` empty), that is not as the product left it."""

    table: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.text}" if self.key else f"{self.table}: {self.text}"


class Marks:
    """The marks under one key."""

    def __init__(self, key: bytes, dialect: str) -> None:
        self.key = key
        self._lock = " FOR UPDATE" if dialect == "postgres" else ""

    def of(self, table: Marked, values: Sequence[Any]) -> bytes:
        """Return the mark that a row should have."""
        return mark_of(self.key, table.name, values)

    def holds(self, name: str, row: Mapping[str, Any], mark: object) -> bool:
        """Say whether a row, by its columns, is as the product left it."""
        table = BY_NAME[name]
        if not isinstance(mark, bytes | memoryview):
            return False
        return hmac.compare_digest(self.of(table, [row[column] for column in table.columns]), bytes(mark))

    def intact(self, database: Readable, name: str, row: Mapping[str, Any] | None) -> bool:
        """Say whether a row that was read from a marked table is as the product left it; True where there is none."""
        if row is None:
            return True
        key = text_of(tuple(row[column] for column in BY_NAME[name].key))
        return self.holds(
            name, row, database.scalar("SELECT mark FROM row_marks WHERE name = ? AND key = ?", name, key)
        )

    def altered_of(self, database: Readable, name: str, keys: Sequence[str]) -> set[str]:
        """Return those of some keys of a table with one key column whose rows are not as the product left them."""
        table = BY_NAME[name]
        wanted: list[Key] = [(key,) for key in keys]
        with database.read() as cursor:
            held = _marks_of(cursor, table, wanted)
            now = {key: self.of(table, row) for key, row in _rows_of(cursor, table, wanted)}
        return {str(key[0]) for key, mark in now.items() if held.get(key) != mark}

    def settle(self, cursor: Cursor, touched: Touched) -> None:
        """Mark what a transaction has touched, at its end."""
        by_table: dict[str, dict[Key, Sequence[Any] | None]] = {}
        for (name, key), before in touched.items():
            by_table.setdefault(name, {})[key] = before
        for name in sorted(by_table):
            self._settle(cursor, BY_NAME[name], by_table[name])

    def _settle(self, cursor: Cursor, table: Marked, before: Mapping[Key, Sequence[Any] | None]) -> None:
        total = self._total(cursor, table, self._lock)
        held = _marks_of(cursor, table, list(before))
        honest = [key for key, row in before.items() if self._was(table, row) == held.get(key)]
        now = {key: self.of(table, row) for key, row in _rows_of(cursor, table, honest)}
        written = [(table.name, text_of(key), mark) for key, mark in now.items() if mark != held.get(key)]
        gone = [key for key in honest if key in held and key not in now]
        if written:
            cursor.executemany(
                "INSERT INTO row_marks (name, key, mark) VALUES (?, ?, ?) "
                "ON CONFLICT (name, key) DO UPDATE SET mark = excluded.mark",
                written,
            )
        if gone:
            cursor.executemany(
                "DELETE FROM row_marks WHERE name = ? AND key = ?", [(table.name, text_of(key)) for key in gone]
            )
        if total is not None and (written or gone):
            new = [mark for _, _, mark in written]
            changed = {text for _, text, _ in written} | {text_of(key) for key in gone}
            old = [mark for key, mark in held.items() if text_of(key) in changed]
            self._put_total(cursor, table, total.exchanged(old, new))

    def _was(self, table: Marked, row: Sequence[Any] | None) -> bytes | None:
        return None if row is None else self.of(table, row)

    def _total(self, cursor: Cursor, table: Marked, lock: str = "") -> Total | None:
        """Return the sum over a table; None where it is gone or was changed, and then nothing puts it right."""
        cursor.execute(
            f"SELECT rows, total, generation, mark FROM row_totals WHERE name = ?{lock}",  # noqa: S608 - our own
            (table.name,),
        )
        row = cursor.fetchone()
        if row is None:
            return None
        found = total_of(row[0], bytes(row[1]), row[2])
        return found if hmac.compare_digest(found.mark(self.key, table.name), bytes(row[3])) else None

    def _put_total(self, cursor: Cursor, table: Marked, total: Total) -> None:
        cursor.execute(
            "INSERT INTO row_totals (name, rows, total, generation, mark) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET rows = excluded.rows, total = excluded.total, "
            "generation = excluded.generation, mark = excluded.mark",
            (table.name, total.rows, total.packed, total.generation, total.mark(self.key, table.name)),
        )

    def begin(self, cursor: Cursor, after: Mapping[str, int] | None = None) -> int:
        """Mark every row as it stands; return how many. ``after``: generations that the sums must be beyond."""
        count = 0
        cursor.execute("DELETE FROM row_marks")
        for table in MARKED:
            rows = [(key, self.of(table, row)) for key, row in _all_rows(cursor, table)]
            cursor.executemany(
                "INSERT INTO row_marks (name, key, mark) VALUES (?, ?, ?)",
                [(table.name, text_of(key), mark) for key, mark in rows],
            )
            base = Total(generation=(after or {}).get(table.name, 0))
            self._put_total(cursor, table, base.exchanged([], [mark for _, mark in rows]))
            count += len(rows)
        return count

    def begun(self, cursor: Cursor) -> bool:
        """Say whether the rows of this store are marked."""
        cursor.execute("SELECT COUNT(*) FROM row_totals")
        return bool(cursor.fetchone()[0])

    def generations(self, cursor: Cursor) -> dict[str, int]:
        """Return how often the sum of each table was changed."""
        cursor.execute("SELECT name, generation FROM row_totals ORDER BY name")
        return {str(row[0]): int(row[1]) for row in cursor.fetchall()}

    def check(self, cursor: Cursor, least: Mapping[str, int], most_rows: int | None = None) -> Iterator[Altered]:
        """Compare every row with its mark and every table with its sum, in one consistent view.

        ``least`` are the generations that were seen before: a table of a lesser one is an older copy. Tables of more
        than ``most_rows`` rows are left out.
        """
        for table in MARKED:
            if most_rows is not None:
                cursor.execute(f"SELECT COUNT(*) FROM {table.name}")  # noqa: S608 - our own names
                if cursor.fetchone()[0] > most_rows:
                    continue
            yield from self._check(cursor, table, least.get(table.name, 0))

    def _check(self, cursor: Cursor, table: Marked, least: int) -> Iterator[Altered]:
        cursor.execute("SELECT key, mark FROM row_marks WHERE name = ?", (table.name,))
        held = {str(row[0]): bytes(row[1]) for row in cursor.fetchall()}
        found = Total()
        marks: list[bytes] = []
        told = False
        for key, row in _all_rows(cursor, table):
            text, mark = text_of(key), self.of(table, row)
            stored = held.pop(text, None)
            marks.append(mark)
            if stored != mark:
                how = "put in" if stored is None else "changed"
                yield Altered(table.name, text, f"this row was {how} beside the product")
                told = True
        for text in held:
            yield Altered(table.name, text, "this row was taken out beside the product")
            told = True
        total = self._total(cursor, table)
        if total is None:
            yield Altered(table.name, "", "the sum over its rows is gone or was changed")
            return
        found = found.exchanged([], marks)
        if total.generation < least:
            yield Altered(table.name, "", f"an older copy: change {total.generation}, and change {least} was seen")
        elif not told and (found.rows, found.sum) != (total.rows, total.sum):
            yield Altered(table.name, "", f"{found.rows} rows do not add up to the {total.rows} that were marked")


def believed(database: Database, name: str, row: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a row of a marked table as it was read, None for one that was changed or put in beside the product: it is
    not believed, and that stands in the log of the program."""
    if row is None or database.marks is None or database.marks.intact(database, name, row):
        return row
    log.error("a row of %s was changed or put in beside the product and is not believed; see 'ledger verify'", name)
    return None


def text_of(key: Key) -> str:
    """Write a key in one word."""
    return "\x1f".join(map(str, key))


def _marks_of(cursor: Cursor, table: Marked, keys: Sequence[Key]) -> dict[Key, bytes]:
    found: dict[Key, bytes] = {}
    for start in range(0, len(keys), AT_ONCE):
        part = {text_of(key): key for key in keys[start : start + AT_ONCE]}
        cursor.execute(
            f"SELECT key, mark FROM row_marks WHERE name = ? AND key IN ({','.join('?' * len(part))})",  # noqa: S608
            (table.name, *part),
        )
        found |= {part[str(row[0])]: bytes(row[1]) for row in cursor.fetchall()}
    return found


def _rows_of(cursor: Cursor, table: Marked, keys: Sequence[Key]) -> Iterator[tuple[Key, Sequence[Any]]]:
    columns, width = ", ".join(table.columns), len(table.key)
    if width > 1:
        where = " AND ".join(f"{name} = ?" for name in table.key)
        for key in keys:
            cursor.execute(f"SELECT {columns} FROM {table.name} WHERE {where}", key)  # noqa: S608 - our own names
            yield from ((key, tuple(row)) for row in cursor.fetchall())
        return
    for start in range(0, len(keys), AT_ONCE):
        part = [key[0] for key in keys[start : start + AT_ONCE]]
        marks = ",".join("?" * len(part))
        cursor.execute(f"SELECT {columns} FROM {table.name} WHERE {table.key[0]} IN ({marks})", part)  # noqa: S608
        yield from ((tuple(row)[:1], tuple(row)) for row in cursor.fetchall())


def _all_rows(cursor: Cursor, table: Marked) -> Iterator[tuple[Key, Sequence[Any]]]:
    cursor.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")  # noqa: S608 - our own names
    for row in cursor.fetchall():
        values = tuple(row)
        yield values[: len(table.key)], values
