"""The SQL of a declared read model, in the words SQLite and PostgreSQL share (see ``infra.store.sql.schema``)."""

from __future__ import annotations

from collections.abc import Iterable

from infra.store.models.record import Record, columns_of, once, row_of
from infra.store.sql.cursor import Cursor


def create(kind: type[Record]) -> list[str]:
    """Return the statements that make the table of a kind and its indexes, where they are not there yet."""
    table = kind.table
    single = table.key[0] if len(table.key) == 1 else ""
    parts = [
        f"{it.name} {it.type}" + (" PRIMARY KEY" if it.name == single else "" if it.optional else " NOT NULL")
        for it in columns_of(kind)
    ]
    if not single:
        parts.append(f"PRIMARY KEY ({', '.join(table.key)})")
    made = [f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(parts)}) WITHOUT ROWID"]
    for index in table.indexes:
        where = f" WHERE {index.where}" if index.where else ""
        made.append(f"CREATE INDEX IF NOT EXISTS {index.name} ON {table.name} ({', '.join(index.columns)}){where}")
    return made


@once
def insert(kind: type[Record]) -> str:
    """Return the statement that adds a row, by the names of its columns."""
    names = [it.name for it in columns_of(kind)]
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {kind.table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names


@once
def upsert(kind: type[Record]) -> str:
    """Return the statement that writes a row in the place of the one with its key."""
    key = kind.table.key
    values = ", ".join(f"{it.name} = excluded.{it.name}" for it in columns_of(kind) if it.name not in key)
    return f"{insert(kind)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {values}"


def put(cursor: Cursor, record: Record) -> None:
    """Write a row in the place of the one with its key."""
    cursor.execute(upsert(type(record)), row_of(record))


def put_all(cursor: Cursor, records: Iterable[Record]) -> None:
    """Write rows in the places of those with their keys, those of a kind in one statement. No key is given twice."""
    by_kind: dict[type[Record], list[tuple[object, ...]]] = {}
    for record in records:
        by_kind.setdefault(type(record), []).append(row_of(record))
    for kind, rows in by_kind.items():
        cursor.executemany(upsert(kind), rows)
