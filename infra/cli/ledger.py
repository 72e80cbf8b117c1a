"""``qorgau ledger``: figures, verification, export."""

from __future__ import annotations

import json
import sys

import click

from infra.cli import common
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
            for position, fault in verify_chain(house.database, table):
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
