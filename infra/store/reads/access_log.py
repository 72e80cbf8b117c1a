"""Who read what of whom: a log of its own, so that reading never waits for those who decide, and they never for it.

One file in the data directory. Each record is chained to the one before, and every commit leaves a signed head (a note
whose root is the hash of the last record); the newest head is kept beside the keys too. A writer thread takes together
what waits and commits it durably; ``write`` returns when the record is on disk. After a crash the records that were
answered are there. Records of several processes follow each other: the end of the chain is read within the transaction.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from engine.kernel.timestamps import iso
from engine.proofs.chain import GENESIS, link, row_bytes
from engine.proofs.notes import Checkpoint, Signer
from infra.store.sql.database import StoreUnavailable

FILE = "reads.sqlite"
HEAD = "reads.head"
PATIENCE_S = 5.0
"""How long an answer waits for its record."""
TOGETHER = 200
QUIET_S = 1.0
BESIDE_S = 5.0
"""The head beside the keys follows after so long without a reading, or with readings all the time."""
HEADS_EVERY = 1000
"""Records after which a head stays for good."""
_TABLES = """
CREATE TABLE IF NOT EXISTS reads (
    position INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, entry BLOB NOT NULL, hash BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS reads_who ON reads (who, position);
CREATE INDEX IF NOT EXISTS reads_at ON reads (at);
CREATE TABLE IF NOT EXISTS read_ids (id TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (id, position))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS heads (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS base (id INTEGER PRIMARY KEY CHECK (id = 1), note TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Access:
    """One reading. ``ids``: kind → identifiers, those of persons as keyed pseudonyms; ``further`` counts what is not
    listed. ``way`` is console, api, feed or cli; ``by_itself``: a page that asked for its parts without its reader."""

    at: datetime
    who: str
    way: str
    route: str
    ids: Mapping[str, Sequence[str]]
    further: int = 0
    case: str = ""
    reason: str = ""
    address: str = ""
    by_itself: bool = False
    recorded: str = field(default="read.v1")

    def entry(self) -> bytes:
        """Write the record as it is hashed: JSON with sorted names."""
        body = {
            "at": iso(self.at), "who": self.who, "way": self.way, "route": self.route, "case": self.case,
            "ids": {kind: list(held) for kind, held in self.ids.items()}, "further": self.further,
            "reason": self.reason, "address": self.address, "by_itself": self.by_itself,
        }  # fmt: skip
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


class NotRecorded(StoreUnavailable):
    """A reading could not be recorded."""

    code = "reads.not-recorded"


def linked(previous: bytes, position: int, entry: bytes) -> bytes:
    """Return the hash of a record."""
    return link(previous, row_bytes(position, GENESIS.hex()[:32], 1, "read.v1", entry))


class AccessLog:
    """The access log of a data directory; the file is made with the first record."""

    def __init__(
        self, folder: Path, keys: Path, signer: Signer, pseudonym: Callable[[str], str], kept_days: int
    ) -> None:
        self.path = folder / FILE
        self.head_file = keys / HEAD
        self.signer = signer
        self.pseudonym = pseudonym
        self.origin = f"{signer.verifier.name}/reads"
        self.kept = timedelta(days=kept_days)
        self.trouble = ""
        """Why the last record could not be written; empty when it could."""
        self.trouble_since: datetime | None = None
        self._waiting: queue.SimpleQueue[tuple[Access, Future[int]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._pruned = ""
        self._note = ""
        """The newest head that is not beside the keys yet."""
        self._kept_at = 0.0

    def copy_to(self, file: Path) -> bool:
        """Copy the log to a file that is not there yet, while it is written to; return whether there is one."""
        if not self.path.is_file():
            return False
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
        return True

    def write(self, access: Access, seconds: float = PATIENCE_S) -> int:
        """Record a reading durably; return its position. Raise NotRecorded."""
        done = self.submit(access)
        try:
            return done.result(seconds)
        except Exception as error:
            self.trouble = f"readings cannot be recorded: {error or 'not in time'}"
            self.trouble_since = self.trouble_since or access.at
            raise NotRecorded(self.trouble) from error

    def submit(self, access: Access) -> Future[int]:
        """Hand a reading to the writer; the future has its position when it is on disk."""
        done: Future[int] = Future()
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
                self._thread.start()
            self._waiting.put((access, done))
        return done

    def close(self) -> None:
        """Write what waits, and let the file go."""
        with self._guard:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._waiting.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        goes_on = True
        while goes_on:
            batch = self._next()
            with suppress(queue.Empty):
                while batch and len(batch) < TOGETHER:
                    batch.append(self._waiting.get_nowait())
            goes_on = None not in batch
            taken = [it for it in batch if it is not None]
            try:
                connection = connection or self._open()
                positions = self._commit(connection, [access for access, _ in taken]) if taken else []
                self.trouble, self.trouble_since = "", None
            except Exception as error:
                if connection is not None:
                    connection.close()
                    connection = None
                for _, done in taken:
                    done.set_exception(error)
                continue
            for (_, done), position in zip(taken, positions, strict=True):
                done.set_result(position)
            if not taken or not goes_on or time.monotonic() - self._kept_at > BESIDE_S:
                self._keep_beside()
        if connection is not None:
            connection.close()

    def _next(self) -> list[tuple[Access, Future[int]] | None]:
        """Return what comes next, nothing where nobody reads for a while: then the head is kept beside the keys."""
        try:
            return [self._waiting.get(timeout=QUIET_S if self._note else None)]
        except queue.Empty:
            return []

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=PATIENCE_S, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES)
        return connection

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[Access]) -> list[int]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            last, root = _end(connection)
            if not last and self.head_file.exists():
                raise StoreUnavailable(f"{self.path} is empty, and {self.head_file} knows of records in it")
            positions = []
            for access in batch:
                last, entry = last + 1, access.entry()
                root = linked(root, last, entry)
                row = (last, iso(access.at), access.who, entry, root)
                connection.execute("INSERT INTO reads VALUES (?, ?, ?, ?, ?)", row)
                named = {it for held in access.ids.values() for it in held} | ({access.case} - {""})
                connection.executemany("INSERT INTO read_ids VALUES (?, ?)", [(it, last) for it in sorted(named)])
                positions.append(last)
            note = self._sign(connection, last, root)
            self._prune(connection, batch[-1].at)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._note = note
        return positions

    def _sign(self, connection: sqlite3.Connection, size: int, root: bytes) -> str:
        note = self.signer.sign(Checkpoint(self.origin, size, root))
        connection.execute("DELETE FROM heads WHERE size > ? AND size % ? <> 0", (size - HEADS_EVERY, HEADS_EVERY))
        connection.execute("INSERT INTO heads VALUES (?, ?)", (size, note))
        return note

    def _prune(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Forget what is older than its term, once a day; what is left begins at a signed base."""
        day = f"{now:%Y-%m-%d}"
        if self._pruned == day:
            return
        self._pruned = day
        row = connection.execute("SELECT MAX(position) FROM reads WHERE at < ?", (iso(now - self.kept),)).fetchone()
        if row[0] is None:
            return
        root = connection.execute("SELECT hash FROM reads WHERE position = ?", (row[0],)).fetchone()[0]
        note = self.signer.sign(Checkpoint(f"{self.origin}-base", row[0], bytes(root)))
        connection.execute("INSERT OR REPLACE INTO base VALUES (1, ?)", (note,))
        for table, column in (("reads", "position"), ("read_ids", "position"), ("heads", "size")):
            connection.execute(f"DELETE FROM {table} WHERE {column} <= ?", (row[0],))  # noqa: S608 - ours

    def _keep_beside(self) -> None:
        """Keep the head beside the keys, after the answers; it may lag the log, never lead it."""
        note, self._note, self._kept_at = self._note, "", time.monotonic()
        if note:
            with suppress(OSError):
                fresh = self.head_file.with_suffix(".new")
                fresh.write_text(note)
                fresh.replace(self.head_file)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Open the file for reading alone; None while there is none."""
        if not self.path.is_file():
            yield None
            return
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection


def _end(connection: Any) -> tuple[int, bytes]:
    """Return the last position and its hash; those of the base where everything after it is gone."""
    row = connection.execute("SELECT position, hash FROM reads ORDER BY position DESC LIMIT 1").fetchone()
    if row is not None:
        return int(row[0]), bytes(row[1])
    row = connection.execute("SELECT note FROM base").fetchone()
    if row is None:
        return 0, GENESIS
    from engine.proofs.notes import parse

    base = parse(row[0])[0]
    return base.size, base.root
