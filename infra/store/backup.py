"""A copy of the store taken while it runs, checked before it counts as one; and the way back.

SQLite's own backup reads a consistent state page by page while others go on writing. The copy is verified (pages and
both hash chains) under a temporary name and renamed only then, so a file with the final name is always a good one.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from engine.errors import InputError, QorgauError
from infra.store.database import Database
from infra.store.ledger import verify_chain

CHAINED = ("ledger", "decisions")


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


def back_up(database: Database, target: Path) -> Copy:
    """Copy the running store to ``target``.

    Raises InputError when the target exists, BackupError when the copy is not whole.
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
        result = check(part)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return result.model_copy(update={"file": str(target)})


def check(file: Path) -> Copy:
    """Check a copy: its pages, then both chains. Raises BackupError naming the first fault."""
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
    heads = {}
    for table in CHAINED:
        heads[table] = 0
        for position, fault in _chain(file, table):
            heads[table] = position
            if fault is not None:
                raise BackupError(f"{file}: {table}: {fault}")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Copy(file=str(file), sha256=digest, **heads)


def _chain(file: Path, table: str) -> list[tuple[int, str | None]]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return list(verify_chain(connection, table))
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{file}: not a store of qorgau: {error}") from None
    finally:
        connection.close()


def restore(file: Path, data: Path) -> Copy:
    """Put a checked copy into an empty data directory. Raises InputError when there is a store already."""
    target = data / "qorgau.sqlite"
    if target.exists():
        raise InputError("holds a store already; restore into an empty directory", file=str(data))
    if not file.is_file():
        raise InputError("there is no such file", file=str(file))
    result = check(file)
    data.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(file.read_bytes())
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
