"""``qorgau bench``: a figure and its floor in the same run, as a ratio."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import click

from engine.catalogue import builtin_catalogue
from engine.door import Door
from engine.events import SecurityEvent
from infra.cli import common
from infra.clock import SystemClock
from infra.intake import Batch, Intake
from infra.simulate.stream import stream
from infra.store.database import Database
from infra.store.ledger import SqliteLedger, encode
from rules.detector import StreamDetector
from rules.pack import builtin_contexts, builtin_rules

BATCH = 1_000


@click.group()
def bench() -> None:
    """Measure. The last line with --json holds the figures."""


def _lines(events: int) -> list[bytes]:
    start = datetime.now(UTC) - timedelta(days=2)
    return [made.line for made in islice(stream(7, start), events)]


def _print(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        click.echo(f"{name.replace('_', ' '):28} {value:,.2f}" if isinstance(value, float) else f"{name:28} {value}")


@bench.command("ledger")
@click.option("--events", default=50_000, show_default=True, type=click.IntRange(2_000))
@common.as_json
def bench_ledger(events: int, as_json: bool) -> None:
    """Append to the SQLite ledger, everything on, against raw ``executemany`` of the same rows, equally durable."""
    lines = _lines(events)
    bodies = [b"\n".join(lines[i : i + BATCH]) for i in range(0, len(lines), BATCH)]
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "ledger.sqlite")
        ledger = SqliteLedger(database)
        intake = Intake(ledger, builtin_catalogue(), clock, queue_batches=4, keep_unknown_types=False)
        begin = time.perf_counter()
        readings = [intake.read(Batch("bench", None, clock.now(), body)) for body in bodies]
        parsed = time.perf_counter()
        for reading in readings:
            ledger.append(reading.events, reading.rejects, clock.now())
        appended = time.perf_counter()
        rows = [(i, encode(event)) for i, event in enumerate((e for r in readings for e in r.events), 1)]
        floor = _floor(Path(folder) / "floor.sqlite", rows)
        replay_begin = time.perf_counter()
        position = 0
        while batch := ledger.read(position, 5_000):
            position = batch[-1].position
        replayed = time.perf_counter()
        database.close()
    append_rate = events / (appended - parsed)
    _print(
        {
            "backend": "sqlite",
            "events": events,
            "events_per_s": append_rate,
            "floor_events_per_s": floor,
            "ratio": append_rate / floor,
            "validate_events_per_s": events / (parsed - begin),
            "all_events_per_s": events / (appended - begin),
            "replay_events_per_s": events / (replayed - replay_begin),
        },
        as_json,
    )


def _floor(path: Path, rows: list[tuple[int, bytes]]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, state BLOB)")
    begin = time.perf_counter()
    for start in range(0, len(rows), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows VALUES (?, ?)", rows[start : start + BATCH])
        connection.execute("COMMIT")
    took = time.perf_counter() - begin
    connection.close()
    return len(rows) / took


@bench.command("detect")
@click.option("--events", default=100_000, show_default=True, type=click.IntRange(2_000))
@common.as_json
def bench_detect(events: int, as_json: bool) -> None:
    """Fold events into findings, against one pass over the same events that looks up a single field."""
    door = Door(builtin_catalogue(), "bench", SystemClock().now(), claims=None)
    parsed = [event for event in map(door.read, _lines(events)) if isinstance(event, SecurityEvent)]
    detector = StreamDetector(builtin_rules(), builtin_contexts(), builtin_catalogue())
    begin = time.perf_counter()
    findings = detector.fold(parsed)
    folded = time.perf_counter()
    hits = sum(1 for event in parsed if event.fields.get("event.action") == "portal.login.failed")
    floor = time.perf_counter()
    rate, floor_rate = events / (folded - begin), events / (floor - folded)
    _print(
        {
            "rules": len(detector.matcher.ruleset),
            "events": events,
            "findings": len(findings),
            "events_per_s": rate,
            "floor_events_per_s": floor_rate,
            "ratio": rate / floor_rate,
            "floor_hits": hits,
        },
        as_json,
    )
