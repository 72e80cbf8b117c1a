"""One SQLite file, opened so that a commit survives the loss of power, with one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from engine.errors import DataError

SCHEMA_VERSION = 1
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, received_at TEXT NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL,
    field TEXT, reason TEXT NOT NULL, raw BLOB NOT NULL, digest BLOB NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    UNIQUE (source, digest));
CREATE TABLE IF NOT EXISTS intake (
    id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, claims TEXT NOT NULL, received_at TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, created_at TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, next_at TEXT NOT NULL, last_answer TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, next_at);
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, roles TEXT NOT NULL, password_hash TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1, failures INTEGER NOT NULL DEFAULT 0, locked_until TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, csrf TEXT NOT NULL, created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source_tokens (
    digest TEXT PRIMARY KEY, source TEXT NOT NULL, claims TEXT NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS detector_state (
    id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL, fingerprint TEXT NOT NULL, state BLOB NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5 (
    action, source, entities, content, at UNINDEXED, tokenize = 'unicode61 remove_diacritics 0');
"""


class _Pool(SQLiteConnectionPool):
    """The library's pool with durability set out: synchronous=FULL makes a commit in WAL mode survive a power cut."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        for pragma in ("synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON", "trusted_schema=OFF"):
            cursor.execute(f"PRAGMA {pragma}")
        return connection


class Database:
    """The store's file: read transactions side by side, write transactions one after the other."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.store = SQLiteDatastore(str(path), lock_timeout=30, pool_size=8, max_overflow=24)
        self.store.pool.close()
        self.store.pool = _Pool(db_name=str(path), lock_timeout=30, pool_size=8, max_overflow=24, pool_timeout=30.0)
        self._writer = threading.RLock()
        found = self._prepare()
        if found != SCHEMA_VERSION:
            raise DataError(
                f"the data has schema {found}, this version of qorgau knows {SCHEMA_VERSION}", file=str(path)
            )

    def _prepare(self) -> int:
        """Make the tables where they are missing; gives the version of the data found."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in TABLES.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
            (found,) = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
            connection.execute("COMMIT")
        finally:
            connection.close()
        return int(found)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Cursor]:
        """A write transaction that holds the write lock from its first moment, committed durably at the end."""
        with self._writer, self.store.transaction(commit=True) as cursor:
            # BEGIN alone is deferred. The first statement must write: a read would open a snapshot, and a commit of
            # another process in between would make every later write fail at once, without waiting.
            cursor.execute("UPDATE meta SET value = value WHERE key = 'schema'")
            yield cursor.sqlite_cursor

    @contextmanager
    def read(self) -> Iterator[sqlite3.Cursor]:
        """A consistent view of the data; nothing is written."""
        with self.store.transaction(commit=False) as cursor:
            yield cursor.sqlite_cursor

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run one query and give its rows as dictionaries."""
        with self.read() as cursor:
            cursor.execute(sql, parameters)
            return [dict(row) for row in cursor.fetchall()]

    def row(self, sql: str, *parameters: Any) -> dict[str, Any] | None:
        """Run one query and give its first row."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    def scalar(self, sql: str, *parameters: Any) -> Any:
        """Run one query and give the first column of its first row, None when there is none."""
        with self.read() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
            return row[0] if row else None

    def close(self) -> None:
        """Close every connection."""
        self.store.close()
