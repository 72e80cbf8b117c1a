"""``qorgau bench``: a figure and its floor in the same run, as a ratio."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import click

from engine.kernel.errors import InputError
from engine.kernel.timestamps import Window
from infra.app.time_source import SystemClock
from infra.cli import common
from infra.lab.bench import notice as bench_notice
from infra.lab.bench import storm as bench_storm
from infra.lab.bench import year as bench_year
from infra.lab.bench.pages import reads as bench_reads
from infra.lab.simulate.stream import stream


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
@click.option("--archive", is_flag=True, help="SQLite only, as many events as one likes, with segments and backup.")
@common.as_json
def bench_ledger(
    backend: str, events: int, url: str | None, readers: int | None, fsync_ms: float, archive: bool, as_json: bool
) -> None:
    """Append with everything on and without encryption, against raw rows and the library's recorder; then read."""
    from infra.lab.bench.ledger import measure

    count = min(os.cpu_count() or 1, 4) if readers is None else readers
    if archive:
        from infra.lab.bench.archive import measure as measure_archive

        _print(measure_archive(events, readers=count, fsync_ms=fsync_ms), as_json)
        return
    _print(measure(backend, events, url=url, readers=count, fsync_ms=fsync_ms), as_json)


@bench.command("detect")
@click.option("--rules", "paths", multiple=True, type=click.Path(path_type=Path), help="Default: the product's pack.")
@click.option("--events", "file", type=click.Path(path_type=Path), help="NDJSON; default: simulated.")
@click.option("--count", default=100_000, show_default=True, type=click.IntRange(1), help="Repeated up to so many.")
@common.as_json
def bench_detect(paths: tuple[Path, ...], file: Path | None, count: int, as_json: bool) -> None:
    """Evaluate rules on parsed events, against reading the same lines as JSON (orjson) in the same process."""
    from infra.cli.detection.rules import load
    from infra.lab.bench.detect import measure

    ruleset, _, contexts = load(paths)
    lines = _lines(count) if file is None else [line for line in file.read_bytes().splitlines() if line.strip()]
    if not lines:
        raise InputError("holds no event", file=str(file))
    lines = [lines[i % len(lines)] for i in range(max(count, len(lines)))]
    _print(measure(ruleset, contexts, lines, Window(SystemClock().now())), as_json)


@bench.command("correlate")
@click.option("--keys", default=1_000_000, show_default=True, type=click.IntRange(1_000))
@common.as_json
def bench_correlate(keys: int, as_json: bool) -> None:
    """A correlation with many live group keys, in bytes a key and against the rate with a thousand."""
    from infra.lab.bench.correlate import measure

    _print(measure(keys), as_json)


@bench.command("quality")
@click.option("--seed", default=1, show_default=True, type=int)
@click.option("--events", default=300_000, show_default=True, type=click.IntRange(1_000))
@common.as_json
def bench_quality(seed: int, events: int, as_json: bool) -> None:
    """Recall of labelled attacks and false incidents for each 100,000 ordinary events, on simulated traffic."""
    from infra.lab.bench.quality import measure

    figures = measure(seed, events, datetime(2026, 11, 2, tzinfo=UTC))
    _print(figures, as_json)


bench.add_command(bench_year.year)
bench.add_command(bench_notice.notice)
bench.add_command(bench_storm.storm)
bench.add_command(bench_reads.reads)


@bench.command("history")
@click.option("--incidents", default=200_000, show_default=True, type=click.IntRange(1_000), help="In the large store.")
@common.as_json
def bench_history(incidents: int, as_json: bool) -> None:
    """What one more incident and every list cost beside years of incidents, against the same beside a thousand."""
    from infra.lab.bench.history import lines, measure

    with tempfile.TemporaryDirectory(prefix="qorgau-history-", dir="/tmp") as folder:
        figures = measure(Path(folder), incidents)
    click.echo(json.dumps(figures) if as_json else "\n".join(lines(figures)))


@bench.command("stream")
@click.option("--events", type=click.IntRange(1_000), default=300_000, show_default=True, help="The backlog.")
@click.option("--batch", type=click.IntRange(1, 5_000), default=1, show_default=True, help="Events in a message.")
@click.option("--backend", type=click.Choice(["postgres", "sqlite"]), default="postgres", show_default=True)
@click.option("--elasticsearch", is_flag=True, help="The search index in Elasticsearch.")
@click.option("--rate", type=click.IntRange(0), default=2_500, show_default=True, help="Events/s of the second part.")
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="Length of the second part.")
@click.option("--per-day", type=click.IntRange(0), default=0,
              help="Events that make a day in their own time.  [default: as many as the rate would]")  # fmt: skip
@common.as_json
def bench_stream(
    events: int, batch: int, backend: str, elasticsearch: bool, rate: int, seconds: int, per_day: int, as_json: bool
) -> None:
    """Kafka to incident: throughput over a backlog, then the time to the incident at a steady rate."""
    from infra.lab.bench.stream import measure

    figures = measure(events, batch, backend, rate=rate, seconds=seconds, elasticsearch=elasticsearch, per_day=per_day)
    _print(figures, as_json)


@bench.command("breach")
@click.option("--clients", type=click.IntRange(10, 1_000_000), default=100_000, show_default=True)
@common.as_json
def bench_breach(clients: int, as_json: bool) -> None:
    """A leak of many clients: from the entered list to every clock, while people look at pages and sign in."""
    from infra.lab.bench.breach.measure import measure

    _print(measure(clients), as_json)


@bench.command("consumers")
@click.option("--events", type=click.IntRange(10_000), default=200_000, show_default=True, help="The backlog of each.")
@click.option("--batch", type=click.IntRange(1, 5_000), default=1, show_default=True, help="Events in a message.")
@click.option("--share", type=click.IntRange(5, 50), default=45, show_default=True,
              help="Percent of a core for each consumer, where there are fewer than four cores.")  # fmt: skip
@common.as_json
def bench_consumers(events: int, batch: int, share: int, as_json: bool) -> None:
    """What a second consumer adds: Kafka to durable ledger by one, then by two, servers on cores of their own."""
    from infra.lab.bench.consumers import measure

    _print(measure(events, batch, share), as_json)
