"""What is asked of a store: every statement that is run for reading, and how many rows each gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from infra.store.sql.database import Database


class Asked(NamedTuple):
    """A statement with its parameters."""

    sql: str
    parameters: tuple[Any, ...]


class Reads:
    """The statements that were run for reading and the rows they gave."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}
        self.rows = 0

    def count(self) -> int:
        """Return the rows that were read since the last time."""
        found, self.rows = self.rows, 0
        return found


class _Cursor:
    def __init__(self, cursor: Any, reads: Reads) -> None:
        self._cursor = cursor
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> _Cursor:
        self._reads.asked.setdefault(sql, Asked(sql, tuple(parameters)))
        self._cursor.execute(sql, parameters)
        return self

    def fetchone(self) -> Any:
        row = self._cursor.fetchone()
        self._reads.rows += row is not None
        return row

    def fetchall(self) -> Any:
        rows = self._cursor.fetchall()
        self._reads.rows += len(rows)
        return rows

    def __iter__(self) -> Iterator[Any]:
        for row in self._cursor:
            self._reads.rows += 1
            yield row


def recorded(database: Database) -> Reads:
    """Record from now on what is read of a store."""
    reads = Reads()

    def watched(opened: Callable[[], Any]) -> Callable[[], Any]:
        @contextmanager
        def session() -> Iterator[Any]:
            with opened() as cursor:
                yield _Cursor(cursor, reads)

        return session

    plain = database.read
    asked = database.query_session if database.dialect != "sqlite" else plain
    database.read = watched(plain)  # type: ignore[method-assign]
    database.query_session = watched(asked)  # type: ignore[method-assign]
    return reads
