"""``qorgau probe``: what the health checks of containers ask of parts that listen nowhere."""

from __future__ import annotations

from contextlib import closing

import click

from engine.kernel.timestamps import iso
from infra.app.time_source import SystemClock
from infra.cli import common
from infra.observe.stage_health import standing
from infra.observe.steps import nobody_since
from infra.store.opening import open_database


@click.command()
@click.argument("part", type=click.Choice(("worker", "stream")))
def probe(part: str) -> None:
    """Exit with 1 and a line when nobody works, or when the stream cannot take what waits. Needs no token."""
    with closing(open_database(common.settings(), read_only=True)) as database:
        idle = nobody_since(database, SystemClock()) if part == "worker" else None
        faults = [it for it in standing(database) if it["stage"] == part]
    if idle is not None:
        click.echo(f"nobody works since {iso(idle)}")
    for fault in faults:
        click.echo(f"{fault['stage']} fails since {fault['since']}: {fault['error']}")
    raise SystemExit(1 if idle is not None or faults else 0)
