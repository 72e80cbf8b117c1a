"""Asking the store for records of a kind, as whoever looks may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.read.people.looking import looking
from infra.read.people.masks import masked
from infra.read.people.shown import note_rows
from infra.store.models.record import R, read, selected
from infra.store.sql.database import Readable

TOGETHER = 100
"""Ids in one question."""


def _answers(database: Readable, sql: str, parameters: Sequence[Any]) -> list[Any]:
    now = looking()
    if now is not None and now.person is not None:
        sql, parameters = masked(database, sql, parameters, now.sight, now.person.id)
    with database.query_session() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def rows_of(database: Readable, sql: str, *parameters: Any) -> list[Any]:
    """Return the rows that a question of no one kind finds, to be made records of at once; by name of the column."""
    return _answers(database, sql, parameters)


def one(database: Readable, sql: str, *parameters: Any) -> Any:
    """Return the first column of the first row that a question finds, None for none."""
    found = _answers(database, sql, parameters)
    return found[0][0] if found else None


def all_of(database: Readable, kind: type[R], rest: str, *parameters: Any, alias: str = "") -> list[R]:
    """Return the records that a question finds. ``rest`` follows the columns: FROM, WHERE and so on; ``alias`` is
    what it calls the table of the kind."""
    sql = f"SELECT {selected(kind, alias)} {rest}"
    found = [read(kind, row) for row in _answers(database, sql, parameters)]
    now = looking()
    if now is not None:
        note_rows(now, found)
    return found


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
    return {str(row[0]): int(row[1]) for row in _answers(database, sql, parameters)}


def count(database: Readable, sql: str, *parameters: Any) -> int:
    """Return the one number that a question asks for, 0 for none."""
    return int(one(database, sql, *parameters) or 0)


def ids(database: Readable, sql: str, *parameters: Any) -> list[str]:
    """Return the texts in the first column of what a question finds."""
    return [str(row[0]) for row in _answers(database, sql, parameters)]
