"""``qorgau bench storm``: an attack on thousands of clients at once, until every incident stands with what it owes.

One event for each client goes through the intake; the worker runs as it does in production, its loops and its sweep.
The floor is a plain SQLite file that takes as many rows of as many bytes in as many durable commits.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from infra.app.container import Container, open_container
from infra.app.worker import Worker
from infra.inbound.intake import QueueFull
from infra.inbound.parser_pool import Batch
from infra.lab.bench.waits import watched
from infra.processes.base import Stage
from infra.read.rows.asking import count
from infra.settings.settings import Settings

BATCH = 500
KINDS = ("incident_view", "clock_view", "notice_view", "run_view")
LOOK_S = 0.25


@click.command("storm")
@click.option("--incidents", default=10_000, show_default=True, type=click.IntRange(10))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def storm(incidents: int, as_json: bool) -> None:
    """Events of distinct clients, each an incident with clocks, drafts and tasks: until the last is visible."""
    with tempfile.TemporaryDirectory(prefix="qorgau-storm-", dir="/tmp") as folder:
        found = measure(Path(folder), incidents)
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    for key, value in found.items():
        click.echo(f"{key:22} {value}")


def measure(folder: Path, incidents: int) -> dict[str, Any]:
    """Raise the storm in a fresh store and wait until it is worked off; return the figures."""
    container = open_container(Settings(data=folder / "data").for_demonstration())
    try:
        per_incident = _one(container)
        worker = Worker(container)
        spent = _timed(worker.stages)
        found: dict[str, Any] = {}
        with watched(container.database, folder, found):
            seconds = _run(container, worker, incidents, per_incident)
        floor, rows, size = _floor(container, folder, found["writes"])
    finally:
        container.close()
    stages = {name: round(s, 2) for name, s in sorted(spent.items(), key=lambda it: -it[1]) if s >= 0.01}
    return {
        "incidents": incidents, "seconds": round(seconds, 2), "asked_s": 60.0, "per_incident": per_incident,
        "floor_s": round(floor, 2), "ratio": round(seconds / floor, 1), "rows": rows, "mb": round(size / 1e6, 1),
        "stages_s": stages, **found,
    }  # fmt: skip


def attacks(first: int, count: int) -> Iterator[bytes]:
    """Return bodies of events, each of a client of its own, each the finding of an incident."""
    now = datetime.now(UTC).isoformat()
    lines = [
        orjson.dumps(
            {
                "@timestamp": now,
                "event.id": f"storm-{number}",
                "mfo.client.id": f"storm-{number}",
                "event.action": "portal.profile.change_applied",
                "mfo.change.field": "iin",
            }
        )
        for number in range(first, first + count)
    ]
    for start in range(0, len(lines), BATCH):
        yield b"\n".join(lines[start : start + BATCH])


def _one(container: Container) -> dict[str, int]:
    """Let one attack through, and see what it brings about: so much each of the others must."""
    worker = Worker(container)
    for body in attacks(0, 1):
        container.intake.take(Batch("storm", None, container.clock.now(), body))
    busy = True
    while busy:
        busy = False
        for stage in worker.stages:
            busy = stage.step() or busy
    return _visible(container)


def _visible(container: Container) -> dict[str, int]:
    return {name: count(container.database, f"SELECT COUNT(*) FROM {name}") for name in KINDS}  # noqa: S608 - ours


def _timed(stages: list[Stage]) -> dict[str, float]:
    """Count the seconds that each stage works."""
    spent: dict[str, float] = defaultdict(float)
    for stage in stages:
        step = stage.step

        def timed(step: Any = step, name: str = stage.name) -> bool:
            begun = time.perf_counter()
            try:
                return bool(step())
            finally:
                spent[name] += time.perf_counter() - begun

        stage.step = timed  # type: ignore[method-assign]
    return spent


def _run(container: Container, worker: Worker, incidents: int, per_incident: dict[str, int]) -> float:
    """Return the seconds from the first event accepted to the last row visible, drafts and tasks among them."""
    bodies = list(attacks(1, incidents))
    wanted = {name: each * (incidents + 1) for name, each in per_incident.items()}
    container.intake.on_commit = worker.wake
    container.decisions.on_commit = worker.wake
    container.intake.start()
    worker.start()
    try:
        accepted = _pour(container, bodies)
        while any(held < wanted[name] for name, held in _visible(container).items()):
            time.sleep(LOOK_S)
        return time.perf_counter() - accepted
    finally:
        worker.stop()
        container.intake.stop()


def _pour(container: Container, bodies: list[bytes]) -> float:
    """Hand the events over; return the instant at which the first was durable."""
    first = 0.0
    for body in bodies:
        batch = Batch("storm", None, container.clock.now(), body)
        while True:
            try:
                future = container.intake.accept(batch)
                break
            except QueueFull:
                time.sleep(0.01)
        if not first:
            future.result(timeout=60)
            first = time.perf_counter()
    return first


def _floor(container: Container, folder: Path, commits: int) -> tuple[float, int, int]:
    """Write as many rows of as many bytes in as many durable commits; return seconds, rows and bytes."""
    database = container.database
    rows: list[bytes] = []
    for name in (*KINDS, "incident_entity", "timeline"):
        rows += [orjson.dumps(list(row.values()), default=str) for row in database.rows(f"SELECT * FROM {name}")]  # noqa: S608 - our own names
    rows += [bytes(row["state"]) + bytes(112) for row in database.rows("SELECT state FROM decisions")]
    raw = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, state BLOB)")
    each = max(len(rows) // max(commits, 1), 1)
    begun = time.perf_counter()
    for start in range(0, len(rows), each):
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany("INSERT INTO rows (state) VALUES (?)", [(row,) for row in rows[start : start + each]])
        raw.execute("COMMIT")
    spent = time.perf_counter() - begun
    raw.close()
    return spent, len(rows), sum(map(len, rows))
