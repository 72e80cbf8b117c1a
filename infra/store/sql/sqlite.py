"""SQLite: one file, opened so that a commit survives the loss of power."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from eventsourcing.persistence import OperationalError, StoredEvent, Tracking
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteProcessRecorder,
)

from engine.kernel.errors import DataError
from infra.store.integrity.watching import Seen, watch
from infra.store.sql.database import Database, StoreUnavailable, TooLong
from infra.store.sql.notifications import ByPosition
from infra.store.sql.schema import STORE, Plan
from infra.store.sql.turnstile import Turnstile

LOCK_TIMEOUT_S = 30
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""What SQLite says of a disk that takes no more: full, broken, or read-only."""
ASKED_EVERY = 5_000
"""Steps of SQLite's machine after which a query with a limit of time looks at the clock."""
CHECKPOINT_EVERY = 24
"""Write transactions after which a process copies the write-ahead log into the store, when its turn is over."""
MOST_PAGES = 16_000
"""Pages of 4 KiB in the write-ahead log after which SQLite copies them itself, at a commit and within a turn: writers
that give nobody a pause would let it grow for ever."""


def may_write(path: Path) -> bool:
    """Say whether a file and its folder may be written: not on a snapshot, and not by whoever may only read."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def reading_name(path: Path) -> str:
    """Return the name by which SQLite opens a file for reading alone.

    A file that may not be written, and that has no write-ahead log, is read without locks and without a file beside it.
    """
    wal = path.with_name(path.name + "-wal")
    alone = not may_write(path) and not (wal.exists() and wal.stat().st_size)
    return f"{path.resolve().as_uri()}?mode=ro" + ("&immutable=1" if alone else "")


class _Pool(SQLiteConnectionPool):
    """The library's pool with durability set out: synchronous=FULL makes a commit in WAL mode survive a power cut."""

    touched: dict[int, Seen] | None = None
    """Connection → which marked rows it touched since the beginning of its transaction; None: nothing is marked."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        for pragma in (
            "synchronous=FULL",
            f"wal_autocheckpoint={MOST_PAGES}",
            "busy_timeout=30000",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        if self.touched is not None:
            own = connection._sqlite_conn
            self.touched[id(own)] = watch(own)
        return connection


class _Recorder(ByPosition, SQLiteProcessRecorder):
    """The library's recorder over a table of ours; how rows get in is up to ``insert``."""

    insert: Any = None

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int]:
        ids: Sequence[int] = self.insert(c, stored_events)
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is not None:
            self._insert_tracking(c, tracking)
        return ids


class SqliteDatabase(Database):
    """The store in one file: read transactions side by side, write transactions one after the other."""

    dialect = "sqlite"

    def __init__(self, path: Path, plan: Plan = STORE, *, read_only: bool = False) -> None:
        super().__init__()
        self.path = path
        self.plan = plan
        self.where = str(path)
        self.read_only = read_only
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        name = reading_name(path) if read_only else str(path)
        self.store = SQLiteDatastore(name, lock_timeout=LOCK_TIMEOUT_S, pool_size=8, max_overflow=24)
        self.store.pool.close()
        self.store.pool = _Pool(
            db_name=name, lock_timeout=LOCK_TIMEOUT_S, pool_size=8, max_overflow=24, pool_timeout=30.0
        )
        self.store.pool.is_journal_mode_wal = read_only  # it is what it is
        self._touched: dict[int, Seen] = {}
        if not read_only and plan is STORE:
            self.store.pool.touched = self._touched
        self._lock_statement = f"UPDATE {plan.meta} SET value = value WHERE key = 'schema'"  # noqa: S608 - our own names
        self._turnstile = Turnstile(path, LOCK_TIMEOUT_S)
        self._since_checkpoint = 0
        self._tracking = self.recorder("decisions")
        try:
            if not read_only:
                self.migrate()
        except sqlite3.OperationalError as error:
            raise DataError(f"cannot be opened: {error}", file=str(path)) from None

    def migrate(self) -> tuple[int, int]:
        """Bring the tables to this version, under the write lock: two processes may begin at the same moment."""
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=LOCK_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")

            def exists(table: str) -> bool:
                found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
                return found.fetchone() is not None

            versions = self.plan.migrate(connection.cursor(), self.dialect, exists)
            connection.execute("COMMIT")
        self._refuse_later(versions[0])
        return versions

    @contextmanager
    def write(self) -> Iterator[Any]:
        """A write transaction that holds the write lock from its first moment, committed durably at the end."""
        if self.read_only:
            raise StoreUnavailable(f"{self.where} is open for reading only")
        try:
            with self.turns.turn() as turn, self._turn(), self.store.transaction(commit=True) as cursor:
                # BEGIN alone is deferred. The first statement must write: a read would open a snapshot, and a commit
                # of another process in between would make every later write fail at once, without waiting.
                cursor.execute(self._lock_statement)
                turn.begun()
                yield self._marking(cursor.sqlite_cursor)
                self._settle(cursor.sqlite_cursor)
        except (sqlite3.OperationalError, OperationalError) as error:
            # At the commit the library wraps the error of SQLite in its own.
            cause = error if isinstance(error, sqlite3.OperationalError) else error.__cause__
            if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _NO_ROOM:
                self.trouble = f"nothing can be written: {error}"
                raise StoreUnavailable(f"{self.where}: {error}; nothing of this was kept") from error
            raise
        self.trouble = ""
        self.committed()
        self._checkpoint()

    def _marking(self, cursor: sqlite3.Cursor) -> sqlite3.Cursor:
        """Begin to note which marked rows a transaction touches."""
        seen = self._touched.get(id(cursor.connection))
        if seen:
            seen.clear()  # of a transaction that was undone
        return cursor

    def _settle(self, cursor: sqlite3.Cursor) -> None:
        """Mark the rows that the transaction has touched."""
        seen = self._touched.get(id(cursor.connection))
        if seen and self.marks is not None:
            self.marks.settle(cursor, seen)
            seen.clear()

    def _checkpoint(self) -> None:
        """Copy the write-ahead log into the store now and then, while others write: the waits for the disk are then
        nobody's turn. What was committed is safe without it, so whoever cannot do it leaves it to the next."""
        self._since_checkpoint += 1
        if self._since_checkpoint < CHECKPOINT_EVERY or self.turns.held_by_me:
            return
        self._since_checkpoint = 0
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(self.path, isolation_level=None, timeout=0)) as connection,
        ):
            for pragma in ("synchronous=FULL", "wal_checkpoint(PASSIVE)"):
                connection.execute(f"PRAGMA {pragma}")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the turn of this process."""
        self._turnstile.enter()
        try:
            yield
        finally:
            self._turnstile.leave()

    @contextmanager
    def read(self) -> Iterator[Any]:
        """A consistent view of the data; nothing is written."""
        with self.store.transaction(commit=False) as cursor:
            yield cursor.sqlite_cursor

    def rows_within(self, seconds: float, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run one query; SQLite asks now and then whether to go on."""
        ends = time.monotonic() + seconds
        with self.read() as cursor:
            connection: sqlite3.Connection = cursor.connection
            connection.set_progress_handler(lambda: time.monotonic() > ends, ASKED_EVERY)
            try:
                cursor.execute(sql, parameters)
                return [dict(row) for row in cursor.fetchall()]
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TooLong(f"not answered within {seconds:g} seconds") from None
                raise
            finally:
                connection.set_progress_handler(None, 0)

    @contextmanager
    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """Iterate over rows as they are read."""
        with self.read() as cursor:
            yield cursor.execute(sql, parameters)

    def copy(self, cursor: Any, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """``executemany`` is the quickest SQLite has."""
        marks = ",".join("?" * len(columns))
        cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 - ours

    def recorder(self, table: str) -> _Recorder:
        """Return the library's process recorder over one of the chained tables."""
        recorder = _Recorder(self.store, events_table_name=table)
        recorder.query_session = self.query_session
        return recorder

    def track(self, cursor: Any, follower: str, position: int) -> None:
        """Store a follower's position through the library."""
        self._tracking._insert_tracking(cursor, Tracking(follower, position))

    def announce(self, cursor: Any) -> None:
        """Nobody to tell: SQLite has no notifications, followers of other processes ask again and again."""

    def wait(self, seconds: float) -> bool:
        """Wait; SQLite sends no notifications."""
        threading.Event().wait(seconds)
        return False

    def copy_to(self, target: Path) -> None:
        """Copy the file while others write."""
        with (
            closing(sqlite3.connect(self.path, timeout=LOCK_TIMEOUT_S)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        target.chmod(0o600)

    def purge(self) -> None:
        """Empty the write-ahead log; freed pages are overwritten with zeros as they are freed (secure_delete)."""
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=LOCK_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self.store.close()
        self._turnstile.close()
