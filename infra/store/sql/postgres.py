"""PostgreSQL 15 and later through psycopg 3: one writer by an advisory lock, NOTIFY for followers, COPY for rows.

A commit whose answer was lost is looked up by a token it left when the server is back, so a command that was
carried out is never reported as failed, and one that was not is never reported as done.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import psycopg
from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresProcessRecorder
from psycopg.errors import OperationalError, QueryCanceled
from psycopg_pool import PoolTimeout

from engine.kernel.errors import DataError
from infra.store.integrity.watching import seen_by_postgres
from infra.store.sql.connections import RECOVERY_S, REQUEST_S, Connections
from infra.store.sql.database import Database, StoreUnavailable, TooLong
from infra.store.sql.notifications import ByPosition
from infra.store.sql.schema import STORE, Plan

LOCK = 0x716F7267
"""The advisory lock of writers: "qorg"."""
CHANNEL = "qorgau"


class Row:
    """One row, answering to index and to name."""

    __slots__ = ("_names", "_values")

    def __init__(self, values: Sequence[Any], names: dict[str, int]) -> None:
        self._values = values
        self._names = names

    def __getitem__(self, key: int | str) -> Any:
        return self._values[key if isinstance(key, int) else self._names[key]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._names)


class LeadershipLost(StoreUnavailable):
    """The term of this worker is over: another process was elected. Nothing was written."""

    code = "store.deposed"


class _Term(threading.local):
    """The term in which a thread works; None for threads that serve people."""

    number: int | None = None


def _rows(cursor: Any) -> Any:
    names = {column.name: at for at, column in enumerate(cursor.description or ())}
    return lambda values: Row(values, names)


@lru_cache(maxsize=1024)
def _translated(sql: str) -> str:
    """Exchange the parameter mark; no statement of ours holds a question mark in a text."""
    return sql.replace("%", "%%").replace("?", "%s")


class Cursor:
    """A psycopg cursor that takes our statements."""

    def __init__(self, cursor: Any) -> None:
        self.raw = cursor

    @property
    def rowcount(self) -> int:
        """How many rows the latest statement changed."""
        return int(self.raw.rowcount)

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""
        self.raw.execute(_translated(sql), parameters)
        return self

    def executemany(self, sql: str, parameters: Sequence[Sequence[Any]], /) -> None:
        """Run one statement for each row, sent together."""
        self.raw.executemany(_translated(sql), parameters)

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        return self.raw.fetchone()

    def fetchall(self) -> Any:
        """Return the remaining rows."""
        return self.raw.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.raw)


class _Recorder(ByPosition, PostgresProcessRecorder):
    """The library's recorder over a table of ours; how rows get in is up to ``insert``."""

    insert: Any = None

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Insert in one transaction, alone. Not retried: a commit whose answer was lost would look like a conflict."""
        with self.datastore.transaction(commit=True) as curs:
            curs.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            with curs.connection.cursor(row_factory=_rows, binary=True) as own:
                ids: Sequence[int] = self.insert(Cursor(own), stored_events)
            tracking: Tracking | None = kwargs.get("tracking")
            if tracking is not None:
                self._insert_tracking(curs, tracking)
        return ids


class _Datastore(PostgresDatastore):
    """The library's datastore over the pool of the store: its recorders work on the same connections."""

    def __init__(self, pool: Connections) -> None:
        super().__init__("", "", "", "", "", lock_timeout=30)  # its own pool is never opened
        self.pool = cast(Any, pool)


class PostgresDatabase(Database):
    """The store in a PostgreSQL database."""

    dialect = "postgres"
    announces = True

    def __init__(self, url: str, plan: Plan = STORE, *, lock: int = LOCK, pool_size: int = 8) -> None:
        super().__init__()
        parts = urlsplit(url)
        self.where = f"postgresql://{parts.hostname or 'localhost'}{parts.path}"
        self.url = url
        self.plan = plan
        self._lock_id = lock
        self._mark = f"commit:{secrets.token_hex(8)}"
        self.own_term = _Term()
        self._listener: Any = None
        self._pool = Connections(url, self.where, pool_size, _rows)
        self.store = _Datastore(self._pool)
        try:
            self._pool.open(wait=True, timeout=10)
        except PoolTimeout:
            self._pool.close()
            raise StoreUnavailable(f"{self.where} does not answer") from None
        self._tracking = self.recorder("decisions")
        self._check_server()
        self.migrate()

    def _check_server(self) -> None:
        with self.read() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('synchronous_commit'), "
                "current_setting('fsync'), current_setting('server_encoding')"
            )
            version, synchronous, fsync, encoding = cursor.fetchone()
        if version < 150000:
            raise DataError(f"PostgreSQL 15 or later is needed, this is {version // 10000}", file=self.where)
        if synchronous == "off" or fsync == "off":
            raise DataError(
                "synchronous_commit and fsync must be on: an acknowledged event is on disk", file=self.where
            )
        if encoding != "UTF8":
            raise DataError(f"the database must be in UTF8, this one is in {encoding}", file=self.where)

    def serve_people(self) -> None:
        """Let requests wait a second for a server that is away, instead of half a minute."""
        self._pool.patience_s = REQUEST_S

    def _connection(self) -> AbstractContextManager[Any]:
        return self._pool.take()

    def migrate(self) -> tuple[int, int]:
        """Bring the tables to this version, alone."""
        with self._connection() as connection, connection.transaction(), self._cursor(connection) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(?)", (self._lock_id,))

            def exists(table: str) -> bool:
                cursor.execute("SELECT to_regclass(?) IS NOT NULL", (table,))
                return bool(cursor.fetchone()[0])

            versions = self.plan.migrate(cursor, self.dialect, exists)
        self._refuse_later(versions[0])
        return versions

    @contextmanager
    def _cursor(self, connection: Any) -> Iterator[Cursor]:
        with connection.cursor(binary=True) as cursor:
            yield Cursor(cursor)

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        with self._connection() as connection, connection.transaction(), self._cursor(connection) as cursor:
            yield cursor

    @contextmanager
    def write(self) -> Iterator[Any]:
        """A write transaction that no other writer runs beside; committed durably, or looked up, at the end."""
        with self.turns.turn() as turn:
            token, finished = secrets.token_hex(8), False
            try:
                with ExitStack() as open_:
                    cursor = self._begin(open_, token)
                    turn.begun()
                    yield cursor
                    self._settle(cursor)
                    finished = True
            except (OperationalError, PoolTimeout) as error:
                if not (finished and self._was_committed(token)):
                    raise StoreUnavailable(f"{self.where} was lost; nothing of this was kept") from error
        self.committed()

    def _settle(self, cursor: Cursor) -> None:
        """Mark the rows that the transaction has touched."""
        if self.marks is not None and (seen := seen_by_postgres(cursor)):
            self.marks.settle(cursor, seen)

    def _begin(self, open_: ExitStack, token: str) -> Cursor:
        """Begin a transaction, alone, with its token; in one question, for every batch of work waits for it."""
        connection = open_.enter_context(self._connection())
        open_.enter_context(connection.transaction())
        cursor = open_.enter_context(self._cursor(connection))
        with connection.pipeline():
            cursor.execute("SELECT pg_advisory_xact_lock(?)", (self._lock_id,))
            cursor.execute(
                f"INSERT INTO {self.plan.meta} (key, value) VALUES (?, ?) "  # noqa: S608 - our own names
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (self._mark, token),
            )
            if self.own_term.number is not None:
                self._check_term(cursor, self.own_term.number)
        return cursor

    @contextmanager
    def unlocked_write(self) -> Iterator[Any]:
        """A transaction without the writers' lock."""
        try:
            with self._transaction() as cursor:
                yield cursor
                self._settle(cursor)
        except (OperationalError, PoolTimeout) as error:
            raise StoreUnavailable(f"{self.where} was lost; what was done aside may have to be done again") from error

    def _check_term(self, cursor: Cursor, number: int) -> None:
        cursor.execute(f"SELECT value FROM {self.plan.meta} WHERE key = 'term'")  # noqa: S608 - our own names
        row = cursor.fetchone()
        if row is None or int(row[0]) != number:
            raise LeadershipLost("another process works on this store now")

    def begin_term(self) -> int:
        """Begin a new term of work and give its number; writes of threads that work in an earlier one are refused."""
        with self.write() as cursor:
            cursor.execute(
                f"INSERT INTO {self.plan.meta} AS m (key, value) VALUES ('term', '1') "  # noqa: S608 - our own names
                "ON CONFLICT (key) DO UPDATE SET value = (m.value::bigint + 1)::text RETURNING value"
            )
            return int(cursor.fetchone()[0])

    def _was_committed(self, token: str) -> bool:
        """Ask the server, when it is back, what became of a commit whose answer was lost. Raises StoreUnavailable.

        Each transaction leaves a token of its own in the row of this writer. (A transaction id would not do: after a
        crash the server may give the id of one that was lost to another one.) The lock is taken first, because the
        lost transaction may still be under way.
        """
        until = time.monotonic() + RECOVERY_S
        while True:
            with suppress(OperationalError), closing(psycopg.connect(self.url)) as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (self._lock_id,))
                sql = f"SELECT value FROM {self.plan.meta} WHERE key = %s"  # noqa: S608 - our own names
                row = connection.execute(sql.encode(), (self._mark,)).fetchone()
                return row is not None and row[0] == token
            if time.monotonic() > until:
                raise StoreUnavailable(f"{self.where} does not come back; whether the last commit was kept is unknown")
            time.sleep(0.05)

    @contextmanager
    def read(self) -> Iterator[Any]:
        """A consistent view of the data; nothing is written."""
        try:
            with self._connection() as connection, connection.transaction(), self._cursor(connection) as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield cursor
        except (OperationalError, PoolTimeout) as error:
            raise StoreUnavailable(f"{self.where} does not answer") from error

    @contextmanager
    def query_session(self) -> Iterator[Any]:
        """No transaction around a single query: that would be three questions more."""
        try:
            with self._connection() as connection, self._cursor(connection) as cursor:
                yield cursor
        except (OperationalError, PoolTimeout) as error:
            raise StoreUnavailable(f"{self.where} does not answer") from error

    def rows_within(self, seconds: float, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run one query; the server ends it after the time."""
        with self.read() as cursor:
            try:
                cursor.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
                cursor.execute(sql, parameters)
                return [dict(row) for row in cursor.fetchall()]
            except QueryCanceled:
                raise TooLong(f"not answered within {seconds:g} seconds") from None

    @contextmanager
    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """Iterate over rows by a cursor of the server."""
        with self._connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            with connection.cursor("qorgau_stream", binary=True) as cursor:
                cursor.itersize = 64
                cursor.execute(_translated(sql).encode(), parameters)
                yield iter(cursor)

    @contextmanager
    def pipeline(self, cursor: Any) -> Iterator[Any]:
        """The pipeline mode of libpq."""
        with cursor.raw.connection.pipeline():
            yield cursor

    def copy(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Binary COPY."""
        with cursor.raw.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types([_TYPES[column] for column in columns])
            for row in rows:
                copy.write_row(row)

    def recorder(self, table: str) -> _Recorder:
        """Return the library's process recorder over one of the chained tables."""
        recorder = _Recorder(self.store, events_table_name=table, tracking_table_name="tracking")
        recorder.query_session = self.query_session
        return recorder

    def track(self, cursor: Any, follower: str, position: int) -> None:
        """Store a follower's position through the library."""
        self._tracking._insert_tracking(cursor.raw, Tracking(follower, position))

    def announce(self, cursor: Any) -> None:
        """NOTIFY: delivered when the transaction is committed."""
        cursor.execute(f"NOTIFY {CHANNEL}")

    def wait(self, seconds: float) -> bool:
        """LISTEN; a lost connection is made again the next time. The caller asks the store again in any case."""
        try:
            if self._listener is None or self._listener.closed:
                self._listener = psycopg.connect(self.url, autocommit=True)
                self._listener.execute(f"LISTEN {CHANNEL}")
                return True
            return any(True for _ in self._listener.notifies(timeout=seconds, stop_after=1))
        except OperationalError:
            self._listener = None
            threading.Event().wait(min(seconds, 1.0))
            return False

    def purge(self) -> None:
        """Vacuum the table of keys: the old versions of overwritten rows go."""
        with self._connection() as connection:
            connection.execute("VACUUM (FREEZE) subject_keys")

    def close(self) -> None:
        """Close every connection."""
        if self._listener is not None:
            self._listener.close()
        with suppress(OperationalError, PoolTimeout), self._pool.connection(timeout=2) as connection:
            connection.execute(f"DELETE FROM {self.plan.meta} WHERE key = %s".encode(), (self._mark,))  # noqa: S608
        self._pool.close()


_TYPES = {
    "position": "int8", "first": "int8", "originator_id": "uuid", "originator_version": "int8", "topic": "text",
    "state": "bytea", "hash": "bytea", "keys": "bytea", "leaves": "bytea",
}  # fmt: skip
