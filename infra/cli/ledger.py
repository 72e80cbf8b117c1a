"""``qorgau ledger``: figures, verification, export."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from infra.cli import common
from infra.store.backup import Copy, back_up
from infra.store.backup import restore as restore_copy
from infra.store.ledger import verify_chain
from infra.web.queries import stats as figures


@click.group()
def ledger() -> None:
    """The store of security events."""


@ledger.command()
@common.as_json
def stats(as_json: bool) -> None:
    """Count what is stored."""
    with common.house() as house:
        found = figures(house)
        found["waiting_intake"] = house.database.scalar("SELECT COUNT(*) FROM intake")
        found["waiting_effects"] = house.database.scalar("SELECT COUNT(*) FROM outbox WHERE state = 'waiting'")
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, value in found.items():
            click.echo(f"{name.replace('_', ' '):16} {value:,}")


@ledger.command()
@common.as_json
def verify(as_json: bool) -> None:
    """Walk the hash chains of events and decisions; exit status 1 when a row was changed, lost or put in."""
    faults = []
    with common.house() as house:
        for table in ("ledger", "decisions"):
            last = 0
            with house.database.read() as cursor:
                for position, fault in verify_chain(cursor, table):
                    last = position
                    if fault is not None:
                        faults.append({"log": table, "position": position, "fault": fault})
            if not as_json:
                said = next((f["fault"] for f in faults if f["log"] == table), "whole")
                click.echo(f"{table}: {last:,} rows, {said}")
    if as_json:
        click.echo(json.dumps({"whole": not faults, "faults": faults}))
    if faults:
        raise SystemExit(1)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path))
@common.as_json
def backup(file: Path, as_json: bool) -> None:
    """Copy the store to FILE while it runs; the copy is verified before it gets its name."""
    with common.house() as house:
        _say(back_up(house.database, file), as_json)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path))
@common.as_json
def restore(file: Path, as_json: bool) -> None:
    """Put a backup into an empty data directory; it is verified first."""
    _say(restore_copy(file, common.settings().data), as_json)


def _say(copy: Copy, as_json: bool) -> None:
    if as_json:
        click.echo(copy.model_dump_json())
    else:
        click.echo(f"{copy.file}: {copy.ledger:,} events, {copy.decisions:,} decisions, whole; sha256 {copy.sha256}")


@ledger.command()
@click.option("--after", type=int, default=0, help="Begin after this position.")
def export(after: int) -> None:
    """Write the events as they came, as NDJSON, in the order of the ledger."""
    out = sys.stdout.buffer
    with common.house() as house:
        position = after
        while events := house.ledger.read(position, 2_000):
            for event in events:
                out.write(event.raw.replace(b"\n", b" ") + b"\n")
            position = events[-1].position
    out.flush()
