"""``qorgau ledger checkpoint|prove|prove-growth|check-proof|find``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.kernel.errors import InputError
from engine.proofs.notes import Verifier
from infra.app.container import Container
from infra.cli import common
from infra.cli import reading as reader
from infra.store.log.decisions import Decisions
from infra.store.log.ledger import Ledger
from infra.store.log.proving import check, prove_inclusion
from infra.store.log.proving import prove_growth as growth

log_option = click.option(
    "--log", "name", type=click.Choice(["ledger", "decisions"]), default="ledger", show_default=True
)


def _log(container: Container, name: str) -> Ledger | Decisions:
    return container.ledger if name == "ledger" else container.decisions


@click.command()
@log_option
@click.option("--size", type=click.IntRange(1), help="The head of this size instead of the newest.")
def checkpoint(name: str, size: int | None) -> None:
    """Print a signed head of a log (C2SP tlog-checkpoint). Kept elsewhere, it proves any later rewriting."""
    with common.reading() as container, container.database.read() as cursor:
        click.echo(_log(container, name).tree.note(cursor, size), nl=False)


@click.command()
@click.argument("position", type=click.IntRange(1))
@log_option
@click.option("--size", type=click.IntRange(1), help="In the head of this size instead of the newest.")
def prove(position: int, name: str, size: int | None) -> None:
    """Print the proof that an entry stands at POSITION: record, audit path, signed head (RFC 6962, 2.1.1)."""
    with common.reading() as container:
        click.echo(prove_inclusion(_log(container, name), position, size).model_dump_json(indent=1))


@click.command("prove-growth")
@click.argument("old", type=click.IntRange(1))
@click.argument("new", type=click.IntRange(1), required=False)
@log_option
def prove_growth(old: int, new: int | None, name: str) -> None:
    """Print the proof that the log of NEW entries (default: all) begins with that of OLD (RFC 6962, 2.1.2)."""
    with common.reading() as container:
        click.echo(growth(_log(container, name), old, new).model_dump_json(indent=1))


@click.command("check-proof")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", required=True, help="Public key of the log ('qorgau keys show').")
def check_proof(file: Path, key: str) -> None:
    """Check a proof with nothing but the log's public key; needs no data directory. Exit status 1 when it fails."""
    try:
        document = json.loads(common.read_text(file))
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", file=str(file), line=error.lineno) from None
    if not isinstance(document, dict):
        raise InputError("a proof is a JSON object", file=str(file))
    verifier = Verifier.parse(key)
    try:
        click.echo(check(document, verifier))
    except InputError as error:
        click.echo(f"{file}: {error.message}", err=True)
        raise SystemExit(1) from None


@click.command()
@click.argument("value")
@common.as_json
@reader.by_somebody
def find(user: str, reason: str, value: str, as_json: bool) -> None:
    """Find the events that carry an identifier (IIN, phone, account, document) by its blind index."""
    with reader.reading(user, reason, "ledger find", "events") as (container, it):
        positions = container.ledger.find(container.store.vault.questions(value))
        events = [container.ledger.get(position) for position in positions]
        it.note("event", *map(str, positions))
    rows = [{"position": e.position, "at": e.at.isoformat(), "action": e.action} for e in events if e is not None]
    common.show(rows, ("position", "at", "action"), as_json)
