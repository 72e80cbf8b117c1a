"""A copy of the store taken while it runs, checked before it counts as one; and the way back.

SQLite's own backup reads a consistent state page by page while others go on writing. The copy is verified (pages,
chains, trees and signatures) under a temporary name and renamed only then, so a file with the final name is always a
good one. The keys are not in it: they have a backup of their own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from engine.kernel.errors import InputError, QorgauError
from engine.proofs.notes import Verifier
from infra.store.log.verify import LOGS, Fault, verify
from infra.store.sql.database import Readable
from infra.store.sql.sqlite import SqliteDatabase


class BackupError(QorgauError):
    """A copy cannot be made or is not whole."""

    code = "store.backup"


class Copy(BaseModel):
    """What a checked copy holds."""

    model_config = ConfigDict(frozen=True)
    file: str
    sha256: str
    ledger: int
    decisions: int


class CopiedStore(Readable):
    """A copy of the store, opened so that nothing in or beside it changes."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro&immutable=1", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Nobody writes: every view is consistent."""
        with self._connection() as connection:
            yield connection.cursor()

    @contextmanager
    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """Iterate over rows as they are read."""
        with self.read() as cursor:
            yield cursor.execute(sql, parameters)


def back_up(database: SqliteDatabase, target: Path, key: Verifier) -> Copy:
    """Copy the running store to ``target``.

    Raise InputError when the target exists, BackupError when the copy is not whole.
    """
    if target.exists():
        raise InputError("exists already; a backup never overwrites another", file=str(target))
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        source = sqlite3.connect(database.path, timeout=30)
        copy = sqlite3.connect(part)
        try:
            source.backup(copy, pages=4096)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
            source.close()
        result = check(part, key)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return result.model_copy(update={"file": str(target)})


def check(file: Path, key: Verifier) -> Copy:
    """Check a copy: its pages, then both logs. Raise BackupError naming the first fault."""
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            (said,) = connection.execute("PRAGMA integrity_check").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{file}: not a store of qorgau: {error}") from None
    if said != "ok":
        raise BackupError(f"{file}: damaged: {said}")
    heads = {log: _walk(file, log, key) for log in LOGS}
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Copy(file=str(file), sha256=digest, **heads)


def _walk(file: Path, log: str, key: Verifier) -> int:
    position = 0
    try:
        for step in verify(CopiedStore(file), log, key):
            if isinstance(step, Fault):
                raise BackupError(f"{file}: {log}: {step.text}")
            position = step.position
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{file}: not a store of qorgau: {error}") from None
    return position


def restore(file: Path, data: Path, key: Verifier) -> Copy:
    """Put a checked copy into an empty data directory. Raise InputError when there is a store already."""
    target = data / "qorgau.sqlite"
    if target.exists():
        raise InputError("holds a store already; restore into an empty directory", file=str(data))
    if not file.is_file():
        raise InputError("there is no such file", file=str(file))
    result = check(file, key)
    data.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    shutil.copyfile(file, part)
    _sync(part)
    part.rename(target)
    _sync(data)
    return result


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
