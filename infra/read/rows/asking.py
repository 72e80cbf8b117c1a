"""Asking the store for records of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.store.models.record import R, read, selected
from infra.store.sql.database import Readable

TOGETHER = 100
"""Ids in one question."""


def all_of(database: Readable, kind: type[R], rest: str, *parameters: Any, alias: str = "") -> list[R]:
    """Return the records that a question finds. ``rest`` follows the columns: FROM, WHERE and so on; ``alias`` is
    what it calls the table of the kind."""
    with database.query_session() as cursor:
        cursor.execute(f"SELECT {selected(kind, alias)} {rest}", parameters)
        return [read(kind, row) for row in cursor.fetchall()]


def first_of(database: Readable, kind: type[R], rest: str, *parameters: Any, alias: str = "") -> R | None:
    """Return the first record that a question finds, None if there is none."""
    found = all_of(database, kind, rest, *parameters, alias=alias)
    return found[0] if found else None


def by_id(database: Readable, kind: type[R], key: str) -> R | None:
    """Return the record with an id, None if there is none."""
    return first_of(database, kind, f"FROM {kind.table.name} WHERE id = ?", key)


def by_ids(database: Readable, kind: type[R], keys: Sequence[str]) -> dict[str, R]:
    """Return the records with some ids by their id, asked for a hundred at a time."""
    found: dict[str, R] = {}
    for start in range(0, len(keys), TOGETHER):
        part = keys[start : start + TOGETHER]
        rest = f"FROM {kind.table.name} WHERE id IN ({','.join('?' * len(part))})"
        for record in all_of(database, kind, rest, *part):
            found[str(getattr(record, kind.table.key[0]))] = record
    return found


def counted(database: Readable, sql: str, *parameters: Any) -> dict[str, int]:
    """Return the counts that a question for two columns (label, number) finds."""
    with database.query_session() as cursor:
        cursor.execute(sql, parameters)
        return {str(row[0]): int(row[1]) for row in cursor.fetchall()}


def count(database: Readable, sql: str, *parameters: Any) -> int:
    """Return the one number that a question asks for, 0 for none."""
    return int(database.scalar(sql, *parameters) or 0)


def ids(database: Readable, sql: str, *parameters: Any) -> list[str]:
    """Return the texts in the first column of what a question finds."""
    with database.query_session() as cursor:
        cursor.execute(sql, parameters)
        return [str(row[0]) for row in cursor.fetchall()]
