"""``qorgau bench ledger``: what storing costs, against the least any store could do with the same rows.

Everything runs in rounds: each round appends the same events to every store in turn, so a machine that slows down slows
all of them. The floor is one row for each event, finished beforehand, into a table with nothing but a primary key.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from engine.events.catalogue import builtin_catalogue
from engine.kernel.ports import Taken
from engine.proofs.notes import Signer
from infra.app.time_source import SystemClock
from infra.inbound.intake import Intake
from infra.inbound.parser_pool import Batch, Readers
from infra.lab.bench.waits import watched
from infra.lab.simulate.stream import stream
from infra.lab.testbed.postgres import Cluster
from infra.observe.gc_tuning import tune
from infra.store.keys.keyring import Keyring
from infra.store.keys.master import LocalMasterKey
from infra.store.keys.vault import Vault
from infra.store.log import records
from infra.store.log.ledger import Ledger
from infra.store.log.tree import SignedTree
from infra.store.sql.database import Database
from infra.store.sql.schema import KEYRING
from infra.store.sql.sqlite import SqliteDatabase

BATCH = 2_000
ROUND = 25 * BATCH
COMPARED = 400_000
WINDOW = 100_000
SEED = b"s" * 32
MASTER = "bWFzdGVyLWtleS1vZi10aGUtYmVuY2gtMzItYnl0ZXM="


@dataclass
class Figures:
    """Seconds an event took, of each thing measured, round by round."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str, events: int) -> Iterator[None]:
        """Measure a piece of work."""
        begin = time.perf_counter()
        yield
        self.rounds.setdefault(name, []).append((time.perf_counter() - begin) / events)

    def rate(self, name: str, rounds: int) -> float:
        """Return events per second, the median of the compared rounds."""
        return 1 / median(self.rounds[name][:rounds])

    def ratio(self, name: str, to: str, rounds: int) -> float:
        """Return the median over the rounds of how one rate stands to another of the same round."""
        pairs = zip(self.rounds[name][:rounds], self.rounds[to][:rounds], strict=True)
        return median(floor / ours for ours, floor in pairs)


class Place:
    """Where the stores of a run are: a directory, or a PostgreSQL cluster."""

    def __init__(self, backend: str, url: str | None, stack: ExitStack, fsync_ms: float) -> None:
        self.backend = backend
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qorgau-bench-", dir="/tmp")))
        self.folder.chmod(0o755)
        self.stack = stack
        self.pause = fsync_ms / 1000
        self._cluster: Cluster | None = None
        self._url = url
        if backend == "postgres" and url is None:
            self._cluster = Cluster(self.folder / "pg")
            self._cluster.create()
            self._cluster.start()
            stack.callback(self._cluster.stop, "immediate")

    def url(self, name: str) -> str:
        """Return the address of an empty database of the run."""
        if self._cluster is not None:
            return self._cluster.fresh(f"bench_{name}")
        import psycopg

        assert self._url is not None
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "qorgau_bench_{name}"')
            connection.execute(f'CREATE DATABASE "qorgau_bench_{name}"')
        return self._url.rsplit("/", 1)[0] + f"/qorgau_bench_{name}"

    def database(self, name: str) -> Database:
        """Open an empty store."""
        database: Database
        if self.backend == "sqlite":
            database = SqliteDatabase(self.folder / f"{name}.sqlite")
        else:
            from infra.store.sql.postgres import PostgresDatabase

            database = PostgresDatabase(self.url(name))
        self.stack.callback(database.close)
        return self.slowed(database)

    def slowed(self, database: Database) -> Database:
        """Let each commit wait, as on a disk that needs that long for an fsync: each commit is one."""
        if self.pause:
            write = database.write

            @contextmanager
            def slow() -> Iterator[Any]:
                with write() as cursor:
                    yield cursor
                    time.sleep(self.pause)

            database.write = slow  # type: ignore[method-assign]
        return database


class Ours:
    """The product's own way in: intake, readers, ledger."""

    def __init__(self, place: Place, name: str, *, sealed: bool, readers: int) -> None:
        vault: Vault | None = None
        keys: dict[str, Any] | None = None
        catalogue = builtin_catalogue()
        if sealed:
            path = place.folder / f"{name}-keys.sqlite"
            keyring = place.slowed(SqliteDatabase(path, KEYRING))
            place.stack.callback(keyring.close)
            ring = Keyring(keyring, LocalMasterKey.parse(MASTER))
            ring.put_marks()  # as in a store that works
            vault = Vault(ring, catalogue)
            keys = {"master": MASTER, "older": [], "sqlite": str(path), "url": None}
        self.keys = keys["sqlite"] if keys else None
        self.signer = Signer("bench", SEED)
        self.ledger = Ledger(place.database(name), SignedTree("ledger", self.signer), vault)
        self.intake = Intake(self.ledger, catalogue, SystemClock(), queue_batches=64, keep_unknown_types=False)
        if readers:
            self.intake.readers = Readers(readers, False, keys)
            place.stack.callback(self.intake.readers.close)

    def pour(self, bodies: Sequence[bytes]) -> Taken:
        """Take bodies in, from bytes to durable."""
        now = datetime.now(UTC)
        taken = [receipt.taken for receipt in self.intake.pour(Batch("bench", None, now, body) for body in bodies)]
        return Taken(accepted=sum(t.accepted for t in taken))


def rows_of(lines: Sequence[bytes], first: int) -> list[tuple[Any, ...]]:
    """Finish the rows a plain store would write: position, id, version, topic, bytes as stored, hash."""
    rows = []
    for position, line in enumerate(lines, first):
        key = records.event_key("bench", str(position))
        state = records.HEAD.pack(key, 0, 1, 0.0, 0.0, 0, len(line)) + line
        rows.append((position, key, 1, records.TOPIC, state, records.leaf_of(position, state)))
    return rows


class Floor:
    """Raw ``executemany`` or raw binary ``COPY`` of finished rows."""

    def __init__(self, place: Place) -> None:
        self.pause = place.pause
        self.next = 1
        if place.backend == "sqlite":
            self.raw: Any = sqlite3.connect(place.folder / "floor.sqlite", isolation_level=None)
            self.raw.execute("PRAGMA journal_mode=WAL")
            self.raw.execute("PRAGMA synchronous=FULL")
            self.raw.execute(
                "CREATE TABLE rows (position INTEGER PRIMARY KEY, originator_id BLOB, originator_version INTEGER, "
                "topic TEXT, state BLOB, hash BLOB)"
            )
            self.write: Callable[[Sequence[Any]], None] = self._sqlite
        else:
            import psycopg

            self.raw = psycopg.connect(place.url("floor"), autocommit=True)
            self.raw.execute(
                "CREATE TABLE rows (position BIGINT PRIMARY KEY, originator_id BYTEA, originator_version BIGINT, "
                "topic TEXT, state BYTEA, hash BYTEA)"
            )
            self.write = self._postgres
        place.stack.callback(self.raw.close)

    def rows(self, lines: Sequence[bytes]) -> list[list[tuple[Any, ...]]]:
        """Finish the rows of a round, in batches; not measured."""
        rows = rows_of(lines, self.next)
        self.next += len(rows)
        return [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]

    def _sqlite(self, rows: Sequence[Any]) -> None:
        self.raw.execute("BEGIN IMMEDIATE")
        self.raw.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.raw.execute("COMMIT")
        self._wait()

    def _postgres(self, rows: Sequence[Any]) -> None:
        with self.raw.cursor() as cursor, cursor.copy("COPY rows FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "bytea", "int8", "text", "bytea", "bytea"])
            for row in rows:
                copy.write_row(row)
        self._wait()

    def _wait(self) -> None:
        if self.pause:
            time.sleep(self.pause)


class Library:
    """The event-sourcing library's own recorder, one stored event for each row."""

    def __init__(self, place: Place) -> None:
        self.pause = place.pause
        self.recorder: Any
        if place.backend == "sqlite":
            from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

            self.recorder = SQLiteApplicationRecorder(SQLiteDatastore(str(place.folder / "library.sqlite")))
        else:
            from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
            from psycopg.conninfo import conninfo_to_dict

            info = {name: str(value) for name, value in conninfo_to_dict(place.url("library")).items()}
            store = PostgresDatastore(
                info["dbname"], info["host"], info["port"], info["user"], info.get("password", "")
            )
            place.stack.callback(store.close)
            self.recorder = PostgresApplicationRecorder(store, events_table_name="stored_events")
        self.recorder.create_table()

    def write_all(self, batches: Sequence[Sequence[Any]]) -> None:
        """Insert batches."""
        for rows in batches:
            self._write(rows)

    def _write(self, rows: Sequence[Any]) -> None:
        self.recorder.insert_events([StoredEvent(UUID(bytes=row[1]), row[2], row[3], row[4]) for row in rows])
        if self.pause:
            time.sleep(self.pause)


def _chunks(events: int) -> Iterator[list[bytes]]:
    made = stream(7, datetime.now(UTC) - timedelta(days=2))
    left = events
    while left > 0:
        lines = [one.line for one in islice(made, min(ROUND, left))]
        left -= len(lines)
        yield lines


def _bodies(lines: Sequence[bytes]) -> list[bytes]:
    return [b"\n".join(lines[i : i + BATCH]) for i in range(0, len(lines), BATCH)]


def rss_mb() -> float:
    """Return the memory in use by this process and its readers, in MiB."""
    me = str(os.getpid())
    told = subprocess.run(  # noqa: S603 - our own process id
        ["/bin/ps", "-o", "rss=", "-p", me, "--ppid", me], capture_output=True, text=True, check=False
    )
    return sum(map(int, told.stdout.split())) / 1024


def measure(backend: str, events: int, *, url: str | None, readers: int, fsync_ms: float) -> dict[str, Any]:
    """Run the bench; return its figures."""
    figures = Figures()
    with ExitStack() as stack:
        place = Place(backend, url, stack, fsync_ms)
        full = Ours(place, "full", sealed=True, readers=readers)
        clear = Ours(place, "clear", sealed=False, readers=readers)
        floor, library = Floor(place), Library(place)
        _warm(place, readers)
        tune()
        waits: dict[str, Any] = {}
        with watched(full.ledger.database, place.folder / "probe", waits, asking=True):
            windows = _rounds(events, figures, full, clear, floor, library)
        n = len(figures.rounds["clear"])
        result: dict[str, Any] = {
            "backend": backend, "events": events, "batch": BATCH, "readers": readers, "added_fsync_ms": fsync_ms,
            "rounds": n, "events_per_s": figures.rate("full", n), "floor_events_per_s": figures.rate("floor", n),
            "ratio": figures.ratio("full", "floor", n),
            "unencrypted_events_per_s": figures.rate("clear", n),
            "unencrypted_ratio": figures.ratio("clear", "floor", n),
            "library_events_per_s": figures.rate("library", n),
            "times_library": figures.ratio("full", "library", n),
            **windows, **_reading(full), **waits,
        }  # fmt: skip
    return result


def _warm(place: Place, readers: int) -> None:
    """Let every process import what it needs before anything is measured."""
    lines = next(_chunks(BATCH))
    for sealed in (True, False):
        Ours(place, f"warm{sealed}", sealed=sealed, readers=0).pour(_bodies(lines))


def _rounds(events: int, figures: Figures, full: Ours, clear: Ours, floor: Floor, library: Library) -> dict[str, Any]:
    """Append in rounds; beyond the compared part only to the full store, to see whether the cost grows."""
    done, memory, drift = 0, {}, {}
    for number, lines in enumerate(_chunks(events)):
        bodies, rows = _bodies(lines), floor.rows(lines)
        steps: list[tuple[str, Callable[[], Any]]] = [("full", lambda b=bodies: full.pour(b))]  # type: ignore[misc]
        if done < COMPARED:
            steps.append(("clear", lambda b=bodies: clear.pour(b)))  # type: ignore[misc]
            steps.append(("library", lambda r=rows: library.write_all(r)))  # type: ignore[misc]
        if done < COMPARED or done + WINDOW >= events:
            steps.append(("floor", lambda r=rows: [floor.write(part) for part in r]))  # type: ignore[misc]
        for name, step in steps if number % 2 else reversed(steps):
            with figures.timed(name, len(lines)):
                step()
        if steps[-1][0] == "floor":
            drift[done] = figures.rounds["floor"][-1]
        done += len(lines)
        memory[done] = rss_mb()
    if events < 2 * COMPARED:
        return {}
    per_round = len(figures.rounds["full"])
    early = slice(WINDOW // ROUND, 2 * WINDOW // ROUND)
    late = slice(per_round - WINDOW // ROUND, per_round)
    grown = median(figures.rounds["full"][late]) / median(figures.rounds["full"][early])
    floors = list(drift.values())
    moved = median(floors[-(WINDOW // ROUND) :]) / median(floors[early])
    return {
        "cost_growth": grown, "floor_growth": moved, "cost_growth_against_floor": grown / moved,
        "rss_mb_early": memory[2 * WINDOW], "rss_mb_end": memory[done],
    }  # fmt: skip


def _reading(full: Ours) -> dict[str, Any]:
    """Read what was stored in a process of its own, as a follower or an auditor does."""
    database = full.ledger.database
    about = {
        "sqlite": str(database.path) if isinstance(database, SqliteDatabase) else None,
        "postgres": getattr(database, "url", None), "keys": full.keys,
    }  # fmt: skip
    asked = [sys.executable, "-P", "-m", "infra.lab.bench.read", json.dumps(about)]
    told = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    found: dict[str, Any] = json.loads(told.stdout)
    return found
