"""``qorgau bench ledger``: what storing costs, against the least any store could do with the same rows.

Everything runs in rounds: each round appends the same events to every store in turn, so a machine that slows down slows
all of them. The floor is one row for each event, finished beforehand, into a table with nothing but a primary key.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from engine.catalogue import builtin_catalogue
from engine.ports import Taken
from infra.clock import SystemClock
from infra.intake import Intake
from infra.memory import tune
from infra.readers import Batch, Readers
from infra.secrecy.keyring import Keyring
from infra.secrecy.master import LocalMasterKey
from infra.secrecy.vault import Vault
from infra.simulate.stream import stream
from infra.store import records, segments
from infra.store.database import Database
from infra.store.ledger import Ledger
from infra.store.notes import Signer
from infra.store.schema import KEYRING
from infra.store.sqlite import SqliteDatabase
from infra.store.tree import SignedTree
from infra.store.verify import Fault, verify
from infra.testbed.postgres import Cluster
from rules.pack import builtin_rules

BATCH = 2_000
ROUND = 50 * BATCH
COMPARED = 200_000
WINDOW = 100_000
_MASTER = "bWFzdGVyLWtleS1vZi10aGUtYmVuY2gtMzItYnl0ZXM="


@dataclass
class Figures:
    """Seconds and events of each thing measured."""

    seconds: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str, events: int) -> Iterator[None]:
        """Measure a piece of work."""
        begin = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin
        self.events[name] = self.events.get(name, 0) + events

    def rate(self, name: str) -> float:
        """Give events per second."""
        return self.events[name] / self.seconds[name]


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
        """Give the address of an empty database of the run."""
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
            from infra.store.postgres import PostgresDatabase

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
            vault = Vault(Keyring(keyring, LocalMasterKey.parse(_MASTER)), catalogue)
            keys = {"master": _MASTER, "older": [], "sqlite": str(path), "url": None}
        self.signer = Signer("bench", b"s" * 32)
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
    """Give the memory in use by this process and its readers, in MiB."""
    me = str(os.getpid())
    told = subprocess.run(  # noqa: S603 - our own process id
        ["/bin/ps", "-o", "rss=", "-p", me, "--ppid", me], capture_output=True, text=True, check=False
    )
    return sum(map(int, told.stdout.split())) / 1024


def measure(backend: str, events: int, *, url: str | None, readers: int, fsync_ms: float) -> dict[str, Any]:
    """Run the bench; gives its figures."""
    figures = Figures()
    with ExitStack() as stack:
        place = Place(backend, url, stack, fsync_ms)
        full = Ours(place, "full", sealed=True, readers=readers)
        clear = Ours(place, "clear", sealed=False, readers=readers)
        floor, library = Floor(place), Library(place)
        _warm(place, readers)
        tune()
        windows = _rounds(events, figures, full, clear, floor, library)
        result: dict[str, Any] = {
            "backend": backend, "events": events, "batch": BATCH, "readers": readers, "added_fsync_ms": fsync_ms,
            "events_per_s": figures.rate("full"), "floor_events_per_s": figures.rate("floor"),
            "ratio": figures.rate("full") / figures.rate("floor"),
            "unencrypted_events_per_s": figures.rate("clear"),
            "unencrypted_ratio": figures.rate("clear") / figures.rate("floor"),
            "library_events_per_s": figures.rate("library"),
            "times_library": figures.rate("full") / figures.rate("library"),
            **windows, **_reading(full, figures),
        }  # fmt: skip
    return result


def _warm(place: Place, readers: int) -> None:
    """Let every process import what it needs before anything is measured."""
    lines = next(_chunks(BATCH))
    for sealed in (True, False):
        Ours(place, f"warm{sealed}", sealed=sealed, readers=0).pour(_bodies(lines))


def _rounds(events: int, figures: Figures, full: Ours, clear: Ours, floor: Floor, library: Library) -> dict[str, Any]:
    """Append in rounds; beyond the compared part only to the full store, to see whether the cost grows."""
    done = 0
    windows: dict[int, float] = {}
    floors: dict[int, float] = {}
    for number, lines in enumerate(_chunks(events)):
        bodies, rows = _bodies(lines), floor.rows(lines)
        compared = done < COMPARED
        steps: list[tuple[str, Callable[[], Any]]] = [("full", lambda b=bodies: full.pour(b))]  # type: ignore[misc]
        if compared:
            steps.append(("clear", lambda b=bodies: clear.pour(b)))  # type: ignore[misc]
            steps.append(("library", lambda r=rows: library.write_all(r)))  # type: ignore[misc]
        if compared or done + WINDOW >= events:
            steps.append(("floor", lambda r=rows: [floor.write(part) for part in r]))  # type: ignore[misc]
        for name, step in steps if number % 2 else reversed(steps):
            before = sum(figures.seconds.get(one, 0.0) for one in (name, "grown"))
            with figures.timed(name if compared or name != "full" else "grown", len(lines)):
                step()
            if name in ("full", "floor"):
                store = windows if name == "full" else floors
                after = sum(figures.seconds.get(one, 0.0) for one in (name, "grown"))
                store[done] = (after - before) / len(lines)
        done += len(lines)
        if done == ROUND * (WINDOW // ROUND + 1):
            early_rss = rss_mb()
    if events < 5 * WINDOW:
        return {}
    early = [at for at in windows if WINDOW / 2 <= at < COMPARED]
    late = [at for at in windows if at + WINDOW >= events]
    growth = _mean(windows, late) / _mean(windows, early)
    drift = _mean(floors, late) / _mean(floors, early)
    return {
        "cost_growth": growth, "floor_drift": drift, "cost_growth_against_floor": growth / drift,
        "rss_mb_early": early_rss, "rss_mb_end": rss_mb(),
    }  # fmt: skip


def _mean(values: dict[int, float], at: Sequence[int]) -> float:
    return sum(values[one] for one in at) / len(at)


def _segments(full: Ours) -> tuple[float, int]:
    """Write segments (not measured) and read the columns of the domain rules from all of them, three times."""
    columns = segments.columns_for(tuple(builtin_rules().fields()), builtin_catalogue())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments.close_ranges(full.ledger.database, folder, columns, size=min(WINDOW, full.ledger.head()))
        wanted = ["position", "at", *(column for column, _ in columns)]
        begin, rows = time.perf_counter(), 0
        for _ in range(3):
            rows += sum(batch.num_rows for batch in segments.scan(folder, wanted))
        return rows / (time.perf_counter() - begin), len(wanted)


def _reading(full: Ours, figures: Figures) -> dict[str, Any]:
    """Replay in order, and verify everything."""
    head, position = full.ledger.head(), 0
    with figures.timed("replay", min(head, 1_000_000)):
        while position < 1_000_000 and (events := full.ledger.read(position, 5_000)):
            position = events[-1].position
    with figures.timed("verify", head):
        faults = [s for s in verify(full.ledger.database, "ledger", full.signer.verifier) if isinstance(s, Fault)]
    assert not faults, faults
    segments_rate, columns = _segments(full)
    return {
        "segment_columns": columns, "segment_rows_per_s": segments_rate,
        "replay_events_per_s": figures.rate("replay"), "verify_events_per_s": figures.rate("verify"),
        "verify_seconds": figures.seconds["verify"], "stored": head,
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
