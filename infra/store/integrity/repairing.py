"""A store in a file with damaged pages: which tables they belong to, and a whole file made of what is left.

Everything that follows from the logs is left behind and folded again; every other table is copied row by row into a
fresh file. The damaged file is kept beside it. What cannot be copied is named, with the positions of a log, and may be
taken from a backup; nothing is made up.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from engine.kernel.errors import DataError
from infra.store.integrity.tables import BY_NAME, DERIVED, VIEWS
from infra.store.sql.schema import REBUILD, STORE
from infra.store.sql.sqlite import SqliteDatabase, reading_name

KEPT_DERIVED = ("tiles", "blind_index")
"""Derived, and copied where they can be read: making them anew takes every event of the ledger."""
FOLDED = tuple(name for name in (*VIEWS, *DERIVED) if name not in KEPT_DERIVED)
_LOGS = ("ledger", "decisions")


@dataclass(frozen=True, slots=True)
class Damage:
    """A table with a page that is not as SQLite wrote it."""

    table: str
    text: str

    def __str__(self) -> str:
        return f"{self.table}: damaged: {self.text}"


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair came to: the file that is kept, the tables copied, what was taken from a backup."""

    kept: Path
    tables: int
    from_backup: tuple[str, ...]


def damage(path: Path) -> list[Damage]:
    """Check the pages of every table and index; return what is damaged. Raise DataError where none can be listed."""
    with closing(sqlite3.connect(reading_name(path), uri=True)) as connection:
        return [Damage(name, text) for name in _tables(connection, path) if (text := _checked(connection, name))]


def _tables(connection: sqlite3.Connection, path: Path) -> list[str]:
    try:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    except sqlite3.DatabaseError as error:
        raise DataError(f"the list of tables cannot be read ({error}); restore a backup", file=str(path)) from None
    return [name for name, sql in rows if not name.startswith("sqlite_") and not str(sql).startswith("CREATE VIRTUAL")]


def _checked(connection: sqlite3.Connection, name: str) -> str:
    try:
        said = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check('{name}')")]
        connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()  # noqa: S608 - our own names
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if said == ["ok"] else said[0].replace("\n", " ")[:200]


def refuse_damaged(path: Path) -> None:
    """Read the first rows of every table, at a start. Raise DataError, in one line, where one cannot be read."""
    with closing(sqlite3.connect(path)) as connection:
        for name in _tables(connection, path):
            try:
                connection.execute(f"SELECT * FROM {name} LIMIT 1").fetchone()  # noqa: S608 - our own names
            except sqlite3.DatabaseError as error:
                raise DataError(
                    f"the table {name} is damaged ({error}); stop the engine and run 'qorgau ledger rebuild'",
                    file=str(path),
                ) from None


def repair(path: Path, backup: Path | None) -> Repaired:
    """Make a whole file of what can be read, in the place of the damaged one, which is kept. Nobody may work on it.

    Raise DataError naming what is lost where a table that is not derived cannot be read and no backup has it.
    """
    fresh = path.with_suffix(".rebuilt")
    for beside in (fresh, fresh.with_name(fresh.name + "-wal"), fresh.with_name(fresh.name + "-shm")):
        beside.unlink(missing_ok=True)
    SqliteDatabase(fresh).close()
    taken: list[str] = []
    with ExitStack() as opened:
        made = opened.enter_context(closing(sqlite3.connect(fresh, isolation_level=None)))
        old = opened.enter_context(_reading(path))
        held = opened.enter_context(_reading(backup)) if backup is not None else None
        _same_schema(old, path)
        names = [name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
        copied = [n for n in names if n not in FOLDED and not n.startswith(("sqlite_", "search_"))]
        made.execute("PRAGMA synchronous=FULL")
        made.execute("BEGIN")
        for name in copied:
            taken += _Copying(name, old, made, path).run(held)
        made.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, '1')", (REBUILD,))
        made.execute("COMMIT")
        made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Repaired(_exchange(path, fresh), len(copied), tuple(taken))


def _reading(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(reading_name(path), uri=True))


def _same_schema(old: sqlite3.Connection, path: Path) -> None:
    row = old.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is None or row[0] != str(STORE.version):
        raise DataError("was written by another version; repair it with that one first", file=str(path))


class _Copying:
    """Copies one table from the damaged file into the fresh one."""

    def __init__(self, name: str, old: sqlite3.Connection, made: sqlite3.Connection, path: Path) -> None:
        self.name, self.old, self.made, self.path = name, old, made, path
        columns = [row[1] for row in made.execute(f"PRAGMA table_info({name})")]
        self.read = f"SELECT {', '.join(columns)} FROM {name}"  # noqa: S608 - our own names
        marks = ", ".join("?" * len(columns))
        self.write = f"INSERT OR REPLACE INTO {name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608

    def run(self, backup: sqlite3.Connection | None) -> list[str]:
        """Copy; return what was taken from the backup. Raise DataError naming what is lost."""
        self.made.execute("SAVEPOINT one")
        try:
            self.made.executemany(self.write, self.old.execute(self.read))
            self.made.execute("RELEASE one")
            return []
        except sqlite3.DatabaseError as error:
            self.made.execute("ROLLBACK TO one")
            self.made.execute("RELEASE one")
            why = str(error)
        if self.name in KEPT_DERIVED or self.name == "traces":
            return []
        if self.name not in _LOGS:
            raise DataError(_lost(self.name, why), file=str(self.path))
        return self._log(why, backup)

    def _log(self, why: str, backup: sqlite3.Connection | None) -> list[str]:
        lost = [position for position in self._positions() if not self._one(self.old, position)]
        if backup is None:
            raise DataError(
                f"the log '{self.name}' has a damaged page ({why}): positions {_ranges(lost)} cannot be read; give a "
                "backup that holds them with --from", file=str(self.path),
            )  # fmt: skip
        for position in lost:
            if not self._one(backup, position):
                raise DataError(
                    f"the backup does not hold position {position} of the log '{self.name}'", file=str(self.path)
                )
        return [f"{self.name} {_ranges(lost)}"] if lost else []

    def _positions(self) -> list[int]:
        """Return the positions of the rows that the checkpoints tell of: the ends of blocks, or every decision."""
        asked = self.old.execute("SELECT size FROM checkpoints WHERE log = ? ORDER BY size", (self.name,))
        sizes = [int(row[0]) for row in asked]
        return sizes if self.name == "ledger" else list(range(1, max(sizes, default=0) + 1))

    def _one(self, source: sqlite3.Connection, position: int) -> bool:
        try:
            rows = source.execute(f"{self.read} WHERE position = ?", (position,)).fetchall()
        except sqlite3.DatabaseError:
            return False
        self.made.executemany(self.write, rows)
        return bool(rows)


def _lost(name: str, why: str) -> str:
    told = "its rows are in no log" if name in BY_NAME else "it is part of the proof of the logs"
    return f"the table {name} is damaged ({why}) and {told}; restore a backup"


def _ranges(positions: Sequence[int]) -> str:
    return f"{positions[0]} to {positions[-1]}" if positions else "none"


def _exchange(path: Path, fresh: Path) -> Path:
    """Put the fresh file in the place of the damaged one, which is kept under a name of its own."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    _sync(fresh)
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(kept.with_name(kept.name + suffix))
    fresh.rename(path)
    for suffix in ("-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    _sync(path.parent)
    return kept


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
