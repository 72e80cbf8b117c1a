"""``qorgau bench``: a figure and its floor in the same run, as a ratio."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import click

from engine.catalogue import builtin_catalogue
from engine.door import Door
from engine.events import SecurityEvent
from infra.cli import common
from infra.clock import SystemClock
from infra.simulate.stream import stream
from rules.detector import StreamDetector
from rules.pack import builtin_contexts, builtin_rules


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
@click.option("--backend", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--events", default=400_000, show_default=True, type=click.IntRange(2_000))
@click.option("--database", "url", help="A PostgreSQL to make databases in; without it a private cluster is started.")
@click.option("--readers", default=None, type=click.IntRange(0, 16), help="Reader processes (default: one a core).")
@click.option("--fsync-ms", default=0.0, show_default=True, help="Added to every commit, of the floor too.")
@common.as_json
def bench_ledger(
    backend: str, events: int, url: str | None, readers: int | None, fsync_ms: float, as_json: bool
) -> None:
    """Append with everything on and without encryption, against raw rows and the library's recorder; then read."""
    from infra.cli.bench_ledger import measure

    count = min(os.cpu_count() or 1, 4) if readers is None else readers
    _print(measure(backend, events, url=url, readers=count, fsync_ms=fsync_ms), as_json)


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
