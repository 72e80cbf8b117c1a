"""Keeps the heads of both logs in ``heads.json`` beside the keys, and finds a store that lacks what they say.

The file is written after commits, by a thread of its own at most once a second and at the end of a process: a crash
leaves it behind the logs, never ahead. It is written under another name, made durable and renamed, under a lock that
all processes take, and only from a store that continues what the file says.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.kernel.errors import DataError
from engine.kernel.ports import TimeSource
from engine.proofs.heads import Accepted, Gap, Head, Heads
from infra.store.integrity.marks import Marks
from infra.store.keys.keyring import Keyring
from infra.store.log.verify import LOGS
from infra.store.sql.database import Database, Readable

NAME = "heads.json"
EVERY_S = 1.0
KEYS = "subject_keys"
"""The name of the sum over the keyring among the changes."""


class HeadFile:
    """The file in a key folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> Heads:
        """Return what is kept; nothing where there is no file yet. Raise DataError."""
        try:
            return Heads.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return Heads()
        except (ValidationError, OSError) as error:
            raise DataError(
                f"cannot be read ({type(error).__name__}); put it back from a backup of the keys", file=str(self.path)
            ) from None

    def write(self, heads: Heads) -> None:
        """Replace the file, durably."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, heads.model_dump_json(indent=1).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing the file."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.path.with_suffix(".lock"), "w", opener=_private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def heads_of(cursor: Any, at: datetime) -> dict[str, Head]:
    """Return the newest checkpoint of each log that has one."""
    found = {}
    for log in LOGS:
        cursor.execute("SELECT size, root, note FROM checkpoints WHERE log = ? ORDER BY size DESC LIMIT 1", (log,))
        row = cursor.fetchone()
        if row is not None:
            found[log] = Head(size=row[0], root=bytes(row[1]).hex(), note=row[2], at=at)
    return found


def gaps_of(database: Readable, heads: Heads) -> tuple[Gap, ...]:
    """Compare a store with the heads that were kept; return where it does not continue them."""
    return tuple(gap for log, head in sorted(heads.logs.items()) if (gap := _gap(database, log, head)) is not None)


def _gap(database: Readable, log: str, head: Head) -> Gap | None:
    row = database.row("SELECT root FROM checkpoints WHERE log = ? AND size = ?", log, head.size)
    size = int(database.scalar(f"SELECT MAX(position) FROM {log}") or 0)  # noqa: S608 - our own names
    if size >= head.size and row is not None and bytes(row["root"]).hex() == head.root:
        return None
    last = database.row("SELECT at FROM checkpoints WHERE log = ? ORDER BY size DESC LIMIT 1", log)
    told = str(last["at"]) if last else ""
    return Gap(
        log=log, kept=head.size, kept_at=head.at, held=size, held_at=told, rewritten=size >= head.size
    )  # fmt: skip


class HeadKeeper:
    """Keeps the heads of an open store."""

    def __init__(self, database: Database, marks: Marks, file: HeadFile, keyring: Keyring, clock: TimeSource) -> None:
        self.database = database
        self.marks = marks
        self.keyring = keyring
        self.clock = clock
        self.file = file
        self.heads = file.read()
        self._committed = threading.Event()
        self._ending = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What was found and not accepted yet; while there is anything, heads are not kept."""
        return self.heads.gaps

    def look(self) -> tuple[Gap, ...]:
        """Read the file anew, for another process may have accepted a gap or found one; return the gaps."""
        self.heads = self.file.read()
        return self.heads.gaps

    def examine(self) -> tuple[Gap, ...]:
        """Compare the store with the file at a start; what is found is written into it and stays until accepted."""
        with self.file.locked():
            self.heads = self.file.read()
            if not self.heads.gaps and (found := gaps_of(self.database, self.heads)):
                self.heads = self.heads.model_copy(update={"gaps": found})
                self.file.write(self.heads)
        return self.heads.gaps

    def committed(self) -> None:
        """Hear that something was committed; costs nothing to speak of."""
        if not self._committed.is_set():
            self._committed.set()
            if self._thread is None:
                with self._guard:
                    if self._thread is None and not self._ending.is_set():
                        self._thread = threading.Thread(target=self._run, name="heads", daemon=True)
                        self._thread.start()

    def _run(self) -> None:
        while not self._ending.wait(EVERY_S):
            if self._committed.is_set():
                try:
                    self.keep()
                except Exception:  # the store or the disk is away; the heads stay behind until the next commit
                    self._committed.set()

    def keep(self) -> None:
        """Write the heads as they are committed now. Where the store does not continue the file, that stays."""
        self._committed.clear()
        with self.file.locked():
            kept = self.file.read()
            with self.database.read() as cursor:
                now, changes = heads_of(cursor, self.clock.now()), self._changes(cursor)
            if kept.gaps or gaps_of(self.database, kept):
                self.heads = kept
                return
            grown = kept.grown(now, changes)
            if grown != kept:
                self.file.write(grown)
            self.heads = grown

    def _changes(self, cursor: Any) -> dict[str, int]:
        keys = self.keyring.changes()
        return self.marks.generations(cursor) | ({KEYS: keys} if keys else {})

    def accept(self, at: datetime) -> None:
        """Begin anew from what is here: the gaps were accepted, and that stands in the log."""
        with self.file.locked():
            kept = self.file.read()
            with self.database.read() as cursor:
                now, changes = heads_of(cursor, at), self._changes(cursor)
            accepted = (*kept.accepted, Accepted(gaps=kept.gaps, at=at))
            self.heads = Heads(logs=now, marked=True, changes=changes, accepted=accepted)
            self.file.write(self.heads)

    def close(self) -> None:
        """Keep what was committed last, and end."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        if self._committed.is_set():
            self.keep()
