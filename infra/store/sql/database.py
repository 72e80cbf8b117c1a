"""The store behind everything: one writer at a time, reads beside it, the same SQL on SQLite and on PostgreSQL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from eventsourcing.persistence import ProcessRecorder

from engine.kernel.errors import DataError, QorgauError
from infra.store.sql.schema import Plan
from infra.store.sql.turns import WriterTurns


class StoreUnavailable(QorgauError):
    """The store cannot be reached or cannot take more now; nothing of the attempt was kept, it may be made again."""

    code = "store.unavailable"


class TooLong(QorgauError):
    """A question was not answered in the time it had."""

    code = "store.too-long"


class Readable(ABC):
    """Something that can be asked in SQL."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Any]:
        """Open a consistent view of the data; nothing is written."""

    @abstractmethod
    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> AbstractContextManager[Any]:
        """Iterate over the rows of a query without holding them all; no write waits for it."""

    def query_session(self) -> AbstractContextManager[Any]:
        """Open what a single query needs: a query alone is consistent by itself."""
        return self.read()

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run one query and give its rows as dictionaries."""
        with self.query_session() as cursor:
            cursor.execute(sql, parameters)
            return [dict(row) for row in cursor.fetchall()]

    def rows_within(self, seconds: float, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run one query as ``rows`` does. Raise TooLong when it takes longer."""
        return self.rows(sql, *parameters)

    def row(self, sql: str, *parameters: Any) -> dict[str, Any] | None:
        """Run one query and give its first row."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    def scalar(self, sql: str, *parameters: Any) -> Any:
        """Run one query and give the first column of its first row, None when there is none."""
        with self.query_session() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
            return row[0] if row else None


class RowMarks(Protocol):
    """What marks the rows that no log tells, see ``infra.store.integrity.marks``."""

    def settle(self, cursor: Any, touched: Mapping[tuple[str, tuple[Any, ...]], Sequence[Any] | None]) -> None:
        """Mark what a transaction has touched, at its end."""
        ...

    def intact(self, database: Readable, name: str, row: Mapping[str, Any] | None) -> bool:
        """Say whether a row that was read is as the product left it."""
        ...

    def altered_of(self, database: Readable, name: str, keys: Sequence[str]) -> set[str]:
        """Return those of some keys whose rows are not."""
        ...


class Database(Readable):
    """A store. Subclasses know how to open, lock and commit."""

    dialect: str
    announces: bool = False
    """Whether ``wait`` hears of the commits of other processes."""
    plan: Plan
    where: str
    """The store as messages name it; never with a password."""

    def __init__(self) -> None:
        self.turns = WriterTurns()
        """Who writes next in this process, and how long each waited."""
        self.trouble = ""
        """Why the last write of this process failed where the disk takes no more; kept here, as there is no room there.
        """
        self.marks: RowMarks | None = None
        """What marks the rows that no log tells; None until the keys are known, and for a store without."""
        self.committed: Callable[[], None] = lambda: None
        """Called after each commit of ``write``."""

    def serve_people(self) -> None:
        """Say at once when the store is away, from now on: people wait for the answer."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Any]:
        """Open a write transaction: alone from its first moment, durable at its end, undone by an exception."""

    def unlocked_write(self) -> AbstractContextManager[Any]:
        """Open a write transaction for tables beside the logs; it need not wait for those who write the logs."""
        return self.write()

    def pipeline(self, cursor: Any) -> AbstractContextManager[Any]:
        """Within it, statements of a transaction may be sent without waiting for the answer of each."""
        return nullcontext(cursor)

    @abstractmethod
    def copy(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows in the quickest way the store has, inside a write transaction."""

    @abstractmethod
    def recorder(self, table: str) -> ProcessRecorder:
        """Return the event-sourcing library's recorder over one of the chained tables."""

    @abstractmethod
    def track(self, cursor: Any, follower: str, position: int) -> None:
        """Store a follower's position inside a write transaction; raises when it would go backwards."""

    @abstractmethod
    def announce(self, cursor: Any) -> None:
        """Wake the followers in other processes when the transaction is committed."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Wait until another process announces something, at most so long; says whether one did."""

    @abstractmethod
    def migrate(self) -> tuple[int, int]:
        """Bring the tables to this version; return the version found and the one reached. Raise DataError."""

    @abstractmethod
    def purge(self) -> None:
        """Take away what overwritten rows may have left behind."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    def _refuse_later(self, found: int) -> None:
        if found > self.plan.version:
            raise DataError(
                f"the data has schema {found}, this version of qorgau knows {self.plan.version}; use the newer program",
                file=self.where,
            )


_TRUE = ("y", "yes", "t", "true", "on", "1")


def refuse_unsafe_settings(environment: dict[str, str]) -> None:
    """Refuse the library's fast path: it drops the table lock and followers then miss events. Raise DataError."""
    for name in environment:
        if name.endswith("POSTGRES_ENABLE_DB_FUNCTIONS") and environment[name].lower() in _TRUE:
            raise DataError("must not be set: with it followers miss events of concurrent writers", field=name)
