"""Folds the read models from the log of decisions into a scratch database and compares them row by row.

Log and read models are read in one consistent view, so that a store at work can be compared too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from uuid import UUID

from engine.kernel.facts import StoredFact
from infra.store.integrity.marks import Altered
from infra.store.log import topics
from infra.store.log.decisions import Folding
from infra.store.models.record import Record, columns_of
from infra.store.sql.cursor import Cursor
from infra.store.sql.database import Readable
from infra.store.sql.schema import make_derived
from infra.store.sql.view_tables import MODELS

AT_ONCE = 2_000
MOST_TOLD = 20
"""Differences told of one table."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many facts were folded and rows compared."""

    facts: int
    rows: int


def compare(database: Readable, pause: Callable[[], None] = lambda: None) -> Iterator[Altered | Compared]:
    """Return every difference, at most some of each table, and how much was compared at the end.

    ``pause`` is called between slices of work.
    """
    with database.read() as cursor, closing(sqlite3.connect(":memory:")) as scratch:
        made = scratch.cursor()
        make_derived(made, "sqlite")
        folding = Folding()
        for stored in _facts(cursor, pause):
            folding.fold(made, stored)
        rows = 0
        for kind in MODELS:
            pause()
            told = 0
            for found in _differences(kind, cursor, made):
                if found is None:
                    rows += 1
                elif (told := told + 1) <= MOST_TOLD:
                    yield found
            if told > MOST_TOLD:
                yield Altered(kind.table.name, "", f"{told - MOST_TOLD} more rows differ from the log")
    yield Compared(folding.count, rows)


def _facts(cursor: Cursor, pause: Callable[[], None]) -> Iterator[StoredFact]:
    after = 0
    while True:
        cursor.execute(
            "SELECT position, originator_id, topic, state, originator_version FROM decisions WHERE position > ? "
            "ORDER BY position LIMIT ?",
            (after, AT_ONCE),
        )
        rows = cursor.fetchall()
        for position, originator, topic, state, version in rows:
            key = originator if isinstance(originator, UUID) else UUID(originator)
            yield StoredFact(position, str(key), topics.decode(topic, bytes(state)), version)
            after = position
        if len(rows) < AT_ONCE:
            return
        pause()


def _differences(kind: type[Record], held: Cursor, made: Cursor) -> Iterator[Altered | None]:
    """Walk a table in both databases by its key; return None for a row that is as it should be."""
    table, names = kind.table, [it.name for it in columns_of(kind)]
    width = len(table.key)
    ordered = [*table.key, *(name for name in names if name not in table.key)]
    sql = f"SELECT {', '.join(ordered)} FROM {table.name}"  # noqa: S608 - our own names
    there = {row[:width]: row for row in _read(held, sql)}
    for row in _read(made, sql):
        found = there.pop(row[:width], None)
        if found is None:
            yield Altered(table.name, _text(row[:width]), "the log makes this row, and it is not here")
        elif found != row:
            columns = [n for n, a, b in zip_longest(ordered, found, row) if a != b]
            yield Altered(table.name, _text(row[:width]), f"differs from the log in {', '.join(columns)}")
        else:
            yield None
    for key in there:
        yield Altered(table.name, _text(key), "no fact of the log makes this row")


def _read(cursor: Cursor, sql: str) -> Iterator[tuple[Any, ...]]:
    cursor.execute(sql)
    while rows := cursor.fetchmany(AT_ONCE) if hasattr(cursor, "fetchmany") else cursor.fetchall():
        yield from map(tuple, rows)


def _text(key: Sequence[Any]) -> str:
    return "/".join(map(str, key))
